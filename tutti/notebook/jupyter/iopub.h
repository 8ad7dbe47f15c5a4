// What a kernel tells all front-ends: output, results, its state.
#pragma once

#include <mutex>
#include <string>

#include "tutti/base/display.h"
#include "tutti/notebook/interpreter.h"
#include "tutti/notebook/jupyter/transport.h"

namespace tutti::jupyter {

// A bundle as Jupyter wants it: binary pictures in base64, JSON as JSON.
Json to_data(const MimeBundle& bundle);

// The identity of a kernel's messages.
class MessageMaker {
 public:
  Message make(const std::string& type, const Json& parent, Json content) const;

 private:
  std::string session_ = make_id();
};

class Iopub {
 public:
  Iopub(Transport& transport, const MessageMaker& maker) : transport_(transport), maker_(maker) {}

  // What is said from now on answers this request. `quiet`: a silent one, whose output nobody wants.
  void set_parent(const Json& header, bool quiet);
  // "busy", "idle", "starting", for a request.
  void status(const std::string& state, const Json& parent);

  void stream(const std::string& name, const std::string& text);
  void display(const Json& data, const std::string& display_id = "", bool is_update = false);
  void input(const std::string& code, int number);
  void result(const Json& data, int number);
  void error(const CellError& error);
  // Any other.
  void publish(const std::string& type, const Json& parent, const Json& content);

 private:
  void answer(const std::string& type, const Json& content);

  Transport& transport_;
  const MessageMaker& maker_;
  std::mutex mutex_;
  Json parent_ = Json::object();
  bool quiet_ = false;
};

}  // namespace tutti::jupyter
