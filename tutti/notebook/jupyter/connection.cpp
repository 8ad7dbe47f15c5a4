#include "tutti/notebook/jupyter/connection.h"

#include "tutti/base/error.h"
#include "tutti/base/files.h"

namespace tutti::jupyter {
namespace {

constexpr std::size_t kMaxBytes = 1 << 16;  // such files have 300 bytes

}  // namespace

std::string Connection::endpoint(int port) const {
  // Of ipc, `ip` is the beginning of a path.
  return fmt::format("{}://{}{}{}", transport, ip, transport == "ipc" ? "-" : ":", port);
}

Connection read_connection(const std::filesystem::path& file) {
  const Json json = Json::parse(read_file(file, kMaxBytes), nullptr, false);
  if (!json.is_object()) fail("kernel", "{} is no connection file. Expected a JSON object.", file.string());
  const auto text = [&](const char* name, const std::string& fallback) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : fallback;
  };
  const auto port = [&](const char* name) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_number_integer() || found->get<int>() <= 0 || found->get<int>() > 65535)
      fail("kernel", "{} in {} must be a port. Expected 1 to 65535. Got {}.", name, file.string(),
           found == json.end() ? "nothing" : found->dump());
    return found->get<int>();
  };
  Connection connection;
  connection.transport = text("transport", connection.transport);
  if (connection.transport != "tcp" && connection.transport != "ipc")
    fail("kernel", "transport in {} is unknown. Expected tcp or ipc. Got {}.", file.string(), connection.transport);
  connection.ip = text("ip", connection.ip);
  connection.shell = port("shell_port");
  connection.control = port("control_port");
  connection.iopub = port("iopub_port");
  connection.input = port("stdin_port");
  connection.heartbeat = port("hb_port");
  connection.scheme = text("signature_scheme", connection.scheme);
  connection.key = text("key", "");
  return connection;
}

}  // namespace tutti::jupyter
