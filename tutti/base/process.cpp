#include "tutti/base/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <thread>
#include <utility>

#include "tutti/base/error.h"
#include "tutti/base/files.h"

extern char** environ;

namespace fs = std::filesystem;

namespace tutti {
namespace {

constexpr int kCannotStart = 127;  // as a shell's

// This process's environment with the variables in `set` replaced.
std::vector<std::string> environment_with(const std::map<std::string, std::string>& set) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    if (!set.contains(std::string(text.substr(0, text.find('='))))) result.emplace_back(text);
  }
  for (const auto& [name, value] : set) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

// What the child needs after the fork, made before it: between fork and exec only few calls are safe.
struct Start {
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* directory;      // null: stay
  int input, output, errors;  // -1: keep
  int report;                 // gets errno if the program cannot be started; closed by exec
  int death_signal;
  bool own_group, own_session;
  pid_t parent;
};

[[noreturn]] void become(const Start& start) {
  ::prctl(PR_SET_PDEATHSIG, start.death_signal);
  if (::getppid() != start.parent) ::_exit(kCannotStart);  // it died before the line above
  if (start.own_session)
    ::setsid();
  else if (start.own_group)
    ::setpgid(0, 0);
  ::signal(SIGPIPE, SIG_DFL);
  if (start.input >= 0) ::dup2(start.input, STDIN_FILENO);
  if (start.output >= 0) {
    ::dup2(start.output, STDOUT_FILENO);
    ::dup2(start.errors >= 0 ? start.errors : start.output, STDERR_FILENO);
  }
  if (!start.directory || ::chdir(start.directory) == 0) ::execve(start.program, start.arguments, start.environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(start.report, &error, sizeof error);
  ::_exit(kCannotStart);
}

ProcessEnd end_of(int status) {
  if (WIFSIGNALED(status)) return {.signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status)};
}

// Kills every process of a session.
void kill_session(pid_t session) {
  std::error_code code;
  for (fs::directory_iterator entry("/proc", code), end; !code && entry != end; entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto process = static_cast<pid_t>(std::stol(name));
    if (::getsid(process) == session) ::kill(process, SIGKILL);
  }
}

// An open file, closed at the end of its scope.
struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

// -1 for no path. Error if the file cannot be opened.
int open_file(const fs::path& path, int flags) {
  if (path.empty()) return -1;
  const int number = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (number < 0)
    fail("process", "cannot {} {}: {}.", (flags & O_WRONLY) ? "write" : "read", path.string(), std::strerror(errno));
  return number;
}

// Is gone with this object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "tutti-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      fail("process", "cannot make a folder in {}: {}.", fs::temp_directory_path().string(), std::strerror(errno));
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code code;
    fs::remove_all(path_, code);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

std::string ProcessEnd::text() const {
  if (signal != 0) return fmt::format("signal {} ({})", signal, ::strsignal(signal));
  return fmt::format("exit code {}", code);
}

std::optional<fs::path> find_program(const std::string& name) {
  const auto is_program = [](const fs::path& path) {
    std::error_code code;
    return fs::is_regular_file(path, code) && ::access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos) return is_program(name) ? std::optional<fs::path>(name) : std::nullopt;
  std::istringstream folders(env("PATH", "/usr/local/bin:/usr/bin:/bin"));
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const fs::path path = fs::path(folder.empty() ? "." : folder) / name; is_program(path)) return path;
  return {};
}

Captured capture(const std::vector<std::string>& command, const std::string& input, double seconds) {
  using Clock = std::chrono::steady_clock;
  const TemporaryFolder folder;
  const fs::path in = folder.path() / "in", out = folder.path() / "out", err = folder.path() / "err";
  write_file_atomically(in, input);
  Process process({.command = command, .input = in, .output = out, .errors = err, .own_group = true});
  for (const auto begin = Clock::now(); !process.poll();) {
    if (Clock::now() - begin > std::chrono::duration<double>(seconds)) process.signal(SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return {process.wait(), read_file(out), read_file(err)};
}

Process::Process(const ProcessOptions& options) {
  const std::optional<fs::path> program = find_program(options.command.at(0));
  if (!program) fail("process", "there is no program {}.", options.command[0]);
  std::vector<std::string> arguments = options.command, variables = environment_with(options.environment);
  const std::vector<char*> argv = pointers(arguments), envp = pointers(variables);
  const std::string path = fs::absolute(*program).string();
  const Descriptor input{open_file(options.input.empty() ? "/dev/null" : options.input, O_RDONLY)};
  const Descriptor output{open_file(options.output, O_WRONLY | O_CREAT | O_APPEND)};
  const Descriptor errors{open_file(options.errors, O_WRONLY | O_CREAT | O_APPEND)};
  Descriptor report_read, report_write;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("process", "cannot make a pipe: {}.", std::strerror(errno));
  report_read.number = ends[0];
  report_write.number = ends[1];
  const Start start{.program = path.c_str(),
                    .arguments = argv.data(),
                    .environment = envp.data(),
                    .directory = options.directory.empty() ? nullptr : options.directory.c_str(),
                    .input = input.number,
                    .output = output.number,
                    .errors = errors.number,
                    .report = report_write.number,
                    .death_signal = options.death_signal,
                    .own_group = options.own_group,
                    .own_session = options.own_session,
                    .parent = ::getpid()};
  own_group_ = options.own_group;
  own_session_ = options.own_session;
  id_ = ::fork();
  if (id_ == 0) become(start);
  if (id_ < 0) fail("process", "cannot start {}: {}.", path, std::strerror(errno));
  ::close(std::exchange(report_write.number, -1));
  int error = 0;
  if (::read(report_read.number, &error, sizeof error) != sizeof error) return;
  wait();
  fail("process", "cannot start {}: {}.", path, std::strerror(error));
}

Process::~Process() {
  if (id_ < 0 || poll()) return;
  signal(SIGKILL);
  wait();
}

Process::Process(Process&& other) noexcept
    : id_(std::exchange(other.id_, -1)), own_group_(other.own_group_), own_session_(other.own_session_), end_(other.end_) {}

std::optional<ProcessEnd> Process::poll() {
  int status = 0;
  if (end_) return end_;
  const pid_t ended = ::waitpid(id_, &status, WNOHANG);
  if (ended == id_) take_end(end_of(status));
  if (ended < 0 && errno == ECHILD) take_end({.code = kCannotStart});  // somebody else waited for it
  return end_;
}

ProcessEnd Process::wait() {
  int status = 0;
  while (!end_) {
    if (::waitpid(id_, &status, 0) == id_)
      take_end(end_of(status));
    else if (errno != EINTR)
      take_end({.code = kCannotStart});
  }
  return *end_;
}

void Process::take_end(const ProcessEnd& end) {
  end_ = end;
  if (own_group_) ::kill(-id_, SIGKILL);
  if (own_session_) kill_session(id_);
}

void Process::signal(int number) const {
  // A process that was waited for has no number any more: it may be another's by now.
  if (!end_) ::kill(own_group_ ? -id_ : id_, number);
}

}  // namespace tutti
