// Jupyter's messages, and their form on the wire (protocol 5.3, "The wire protocol").
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tutti::jupyter {

using Json = nlohmann::json;

inline constexpr const char* kProtocol = "5.3";  // its version

struct Message {
  std::vector<std::string> identities;  // the routing prefix: who asked; a topic on iopub
  Json header = Json::object();
  Json parent = Json::object();  // the header of the request that this answers; {} if none
  Json metadata = Json::object();
  Json content = Json::object();
  std::vector<std::string> buffers;

  std::string type() const { return header.value("msg_type", ""); }
};

// A random identifier (UUID 4).
std::string make_id();
// "2026-01-31T12:00:00.123456Z"
std::string date_now();

// Signs and checks messages with a connection file's key.
class Signer {
 public:
  // scheme: "hmac-sha256", "hmac-" and any hash of OpenSSL's. An empty key: nothing is signed. Error for an unknown scheme.
  Signer(std::string scheme, std::string key);
  // In hexadecimal; "" without a key.
  std::string sign(const std::vector<std::string>& parts) const;
  bool matches(const std::string& signature, const std::vector<std::string>& parts) const;

 private:
  std::string hash_, key_;
};

using Frames = std::vector<std::string>;

// Invalid UTF-8 in a string is replaced: a message that cannot be sent would hang the front-end.
Frames pack(const Message& message, const Signer& signer);
// Nothing if the frames are no message or their signature is wrong.
std::optional<Message> unpack(const Frames& frames, const Signer& signer);

}  // namespace tutti::jupyter
