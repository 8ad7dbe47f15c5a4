#include "tutti/notebook/jupyter/iopub.h"

#include "tutti/base/base64.h"

namespace tutti::jupyter {
namespace {

bool is_binary(std::string_view type) {
  return (type.starts_with("image/") && !type.starts_with("image/svg")) || type.starts_with("audio/") ||
         type.starts_with("video/") || type == "application/pdf";
}

}  // namespace

Json to_data(const MimeBundle& bundle) {
  Json data = Json::object();
  for (const auto& [type, content] : bundle) {
    if (is_binary(type)) {
      data[type] = base64(content);
    } else if (type == "application/json" || type.ends_with("+json")) {
      const Json json = Json::parse(content, nullptr, false);
      data[type] = json.is_discarded() ? Json(content) : json;
    } else {
      data[type] = content;
    }
  }
  return data;
}

Message MessageMaker::make(const std::string& type, const Json& parent, Json content) const {
  Message message;
  message.header = {{"msg_id", make_id()}, {"session", session_}, {"username", "tutti"},
                    {"date", date_now()},  {"msg_type", type},    {"version", kProtocol}};
  message.parent = parent;
  message.content = std::move(content);
  return message;
}

void Iopub::set_parent(const Json& header, bool quiet) {
  std::scoped_lock lock(mutex_);
  parent_ = header;
  quiet_ = quiet;
}

void Iopub::publish(const std::string& type, const Json& parent, const Json& content) {
  Message message = maker_.make(type, parent, content);
  message.identities = {"kernel." + type};  // the topic
  transport_.send(Channel::kIopub, message);
}

void Iopub::answer(const std::string& type, const Json& content) {
  std::scoped_lock lock(mutex_);
  if (!quiet_) publish(type, parent_, content);
}

void Iopub::status(const std::string& state, const Json& parent) { publish("status", parent, {{"execution_state", state}}); }

void Iopub::stream(const std::string& name, const std::string& text) { answer("stream", {{"name", name}, {"text", text}}); }

void Iopub::display(const Json& data, const std::string& display_id, bool is_update) {
  Json transient = Json::object();
  if (!display_id.empty()) transient["display_id"] = display_id;
  answer(is_update ? "update_display_data" : "display_data",
         {{"data", data}, {"metadata", Json::object()}, {"transient", transient}});
}

void Iopub::input(const std::string& code, int number) {
  answer("execute_input", {{"code", code}, {"execution_count", number}});
}

void Iopub::result(const Json& data, int number) {
  answer("execute_result", {{"data", data}, {"metadata", Json::object()}, {"execution_count", number}});
}

void Iopub::error(const CellError& error) {
  answer("error", {{"ename", error.name}, {"evalue", error.message}, {"traceback", error.lines}});
}

}  // namespace tutti::jupyter
