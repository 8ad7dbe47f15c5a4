#include "tutti/lab/local_lab.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/process.h"
#include "tutti/lab/token.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

// Anything that takes jupyter_server's arguments, the best first.
std::string find_jupyter() {
  for (const char* program : {"jupyter-lab", "jupyter-notebook"})
    if (find_program(program)) return program;
  fail("lab",
       "there is no JupyterLab here. Expected jupyter-lab in $PATH: pip install jupyterlab; or, where PyPI cannot be reached, "
       "deploy/lab/build-frontend FOLDER and PATH=FOLDER/bin:$PATH.");
}

void write_state(const LocalLab& lab) {
  const nlohmann::ordered_json state = {{"pid", lab.process.id},
                                        {"start", lab.process.start},
                                        {"port", lab.port},
                                        {"program", lab.program},
                                        {"notebooks", lab.notebooks.string()}};
  write_file_atomically(lab_state_dir() / "lab.json", state.dump(2) + "\n");
}

void forget() {
  std::error_code code;
  for (const char* name : {"lab.json", "token"}) fs::remove(lab_state_dir() / name, code);
}

std::vector<std::string> command_of(const LocalLab& lab, const LocalLabOptions& options) {
  std::vector<std::string> command = {lab.program,
                                      "--no-browser",
                                      "--ip=127.0.0.1",
                                      fmt::format("--port={}", lab.port),
                                      "--ServerApp.port_retries=0",
                                      "--ServerApp.root_dir=" + lab.notebooks.string()};
  // Jupyter refuses root unless told; here nobody else reaches it.
  if (::geteuid() == 0) command.push_back("--allow-root");
  for (const std::string& argument : culling_arguments(options.cull_idle, true)) command.push_back(argument);
  return command;
}

}  // namespace

std::string LocalLab::url() const { return fmt::format("http://127.0.0.1:{}/lab?token={}", port, token); }

fs::path lab_state_dir() {
  const std::string state = env("XDG_STATE_HOME");
  return (state.empty() ? fs::path(env("HOME", "/tmp")) / ".local/state" : fs::path(state)) / "tutti/lab";
}

fs::path local_lab_log() { return lab_state_dir() / "log"; }

std::optional<LocalLab> find_local_lab() {
  const fs::path file = lab_state_dir() / "lab.json", token = lab_state_dir() / "token";
  if (!fs::exists(file) || !fs::exists(token)) return {};
  const auto state = nlohmann::json::parse(read_file(file), nullptr, false);
  if (!state.is_object()) fail("lab", "{} is not what tutti wrote. Expected it removed.", file.string());
  LocalLab lab{.process = {state.value("pid", 0), state.value("start", 0ull)},
               .port = state.value("port", 0),
               .program = state.value("program", ""),
               .notebooks = state.value("notebooks", ""),
               .token = read_file(token)};
  if (is_running(lab.process)) return lab;
  forget();
  return {};
}

LocalLab start_local_lab(const LocalLabOptions& options) {
  if (const auto lab = find_local_lab())
    fail("lab", "one runs already, in {}: {}. Expected tutti lab down first.", lab->notebooks.string(), lab->url());
  if (!fs::is_directory(options.notebooks)) fail("lab", "there is no folder {}.", options.notebooks.string());
  if (options.port != 0 && listens(options.port)) fail("lab", "port {} is in use. Expected another --port.", options.port);
  LocalLab lab{.port = options.port != 0 ? options.port : free_port(),
               .program = find_jupyter(),
               .notebooks = fs::canonical(options.notebooks),
               .token = random_token()};
  const fs::path token = lab_state_dir() / "token";
  write_secret(token, lab.token);
  try {
    lab.process = start_background({.command = command_of(lab, options),
                                    .environment = {{"JUPYTER_TOKEN_FILE", token.string()}, {"JUPYTER_TOKEN", ""}},
                                    .directory = lab.notebooks,
                                    .log = local_lab_log(),
                                    .port = lab.port});
  } catch (...) {
    forget();
    throw;
  }
  write_state(lab);
  return lab;
}

bool stop_local_lab() {
  const auto lab = find_local_lab();
  if (!lab) return false;
  stop(lab->process);
  forget();
  return true;
}

std::vector<std::string> culling_arguments(int seconds, bool server) {
  if (seconds <= 0) return {};
  // An open tab is no use of a kernel; a computation is.
  std::vector<std::string> arguments = {
      fmt::format("--MappingKernelManager.cull_idle_timeout={}", seconds),
      fmt::format("--MappingKernelManager.cull_interval={}", std::min(seconds, 60)),
      "--MappingKernelManager.cull_connected=True",
      "--MappingKernelManager.cull_busy=False",
  };
  if (server) arguments.push_back(fmt::format("--ServerApp.shutdown_no_activity_timeout={}", seconds));
  return arguments;
}

int seconds_of(const std::string& text, const char* what) {
  const std::size_t digits = text.find_first_not_of("0123456789");
  const std::string unit = digits == std::string::npos ? "s" : text.substr(digits);
  const int scale = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86400 : 0;
  if (digits == 0 || text.empty() || text.size() > 7 || scale == 0)
    fail(what, "expected a time such as 30m or 2h. Got '{}'.", text);
  return std::stoi(text) * scale;
}

}  // namespace tutti
