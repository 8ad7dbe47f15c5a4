#include "tutti/notebook/jupyter/message.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "tutti/base/base64.h"
#include "tutti/base/error.h"

namespace tutti::jupyter {
namespace {

constexpr const char* kDelimiter = "<IDS|MSG>";
constexpr std::size_t kParts = 4;  // header, parent, metadata, content

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string make_id() {
  std::array<unsigned char, 16> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  const std::string text = hexadecimal(bytes);
  const std::string_view all = text;
  return fmt::format("{}-{}-{}-{}-{}", all.substr(0, 8), all.substr(8, 4), all.substr(12, 4), all.substr(16, 4),
                     all.substr(20));
}

std::string date_now() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() % 1'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min, utc.tm_sec, micros);
}

Signer::Signer(std::string scheme, std::string key) : key_(std::move(key)) {
  if (key_.empty()) return;
  if (scheme.starts_with("hmac-")) hash_ = scheme.substr(5);
  if (hash_.empty() || !EVP_get_digestbyname(hash_.c_str()))
    fail("kernel", "signature_scheme is unknown. Expected hmac-sha256. Got {}.", scheme);
}

std::string Signer::sign(const std::vector<std::string>& parts) const {
  if (key_.empty()) return "";
  std::string all;
  for (const std::string& part : parts) all += part;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_get_digestbyname(hash_.c_str()), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest.data(), &size);
  return hexadecimal({digest.data(), size});
}

bool Signer::matches(const std::string& signature, const std::vector<std::string>& parts) const {
  const std::string expected = sign(parts);
  return signature.size() == expected.size() && CRYPTO_memcmp(signature.data(), expected.data(), expected.size()) == 0;
}

Frames pack(const Message& message, const Signer& signer) {
  const std::vector<std::string> parts = {dump(message.header), dump(message.parent), dump(message.metadata),
                                          dump(message.content)};
  Frames frames;
  frames.reserve(message.identities.size() + 2 + kParts + message.buffers.size());
  frames.insert(frames.end(), message.identities.begin(), message.identities.end());
  frames.emplace_back(kDelimiter);
  frames.push_back(signer.sign(parts));
  frames.insert(frames.end(), parts.begin(), parts.end());
  frames.insert(frames.end(), message.buffers.begin(), message.buffers.end());
  return frames;
}

std::optional<Message> unpack(const Frames& frames, const Signer& signer) {
  const auto delimiter = std::ranges::find(frames, kDelimiter);
  if (static_cast<std::size_t>(frames.end() - delimiter) < 2 + kParts) return {};
  const auto parts = delimiter + 2, buffers = parts + kParts;
  if (!signer.matches(*(delimiter + 1), std::vector<std::string>(parts, buffers))) return {};
  Message message;
  message.identities = {frames.begin(), delimiter};
  message.buffers = {buffers, frames.end()};
  auto part = parts;
  for (Json* json : {&message.header, &message.parent, &message.metadata, &message.content}) {
    *json = Json::parse(*part++, nullptr, false);
    if (!json->is_object()) return {};
  }
  if (!message.header.contains("msg_type") || !message.header["msg_type"].is_string()) return {};
  return message;
}

}  // namespace tutti::jupyter
