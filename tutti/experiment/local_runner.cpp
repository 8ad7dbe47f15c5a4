#include "tutti/experiment/local_runner.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <thread>

#include "tutti/base/error.h"

extern char** environ;

namespace fs = std::filesystem;

namespace tutti {
namespace {

// How long children may take to save after being asked to stop, when this object is destroyed.
constexpr auto kGrace = std::chrono::seconds(10);
constexpr int kCannotStart = 127;  // as a shell's

std::string this_program() {
  std::error_code code;
  const fs::path path = fs::read_symlink("/proc/self/exe", code);
  if (code) fail("local runner", "cannot find this program's file: {}.", code.message());
  return path.string();
}

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

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void become(char* const* arguments, char* const* environment, int log, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(kCannotStart);  // it died before the line above
  ::setpgid(0, 0);
  ::signal(SIGPIPE, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execve(arguments[0], arguments, environment);
  ::_exit(kCannotStart);
}

MemberEnd end_of(const std::string& member, int status) {
  MemberEnd end{.member = member};
  if (WIFEXITED(status)) {
    const int code = WEXITSTATUS(status);
    if (code == 0) return end;
    end.kind = code == 130 ? MemberEnd::Kind::kInterrupted : MemberEnd::Kind::kFailed;
    if (code == kCannotStart)
      end.reason = "the process could not be started";
    else if (code != 130)
      end.reason = fmt::format("the process ended with exit code {}", code);
    return end;
  }
  const int signal = WTERMSIG(status);
  end.kind = MemberEnd::Kind::kFailed;
  end.reason = fmt::format("the process was ended by signal {} ({})", signal, ::strsignal(signal));
  if (signal == SIGKILL) end.reason += "; most often the machine ran out of memory";
  return end;
}

class LocalRunner : public Runner {
 public:
  explicit LocalRunner(LocalRunnerOptions options) : command_(std::move(options.command)) {
    if (command_.empty()) command_ = {this_program(), "member"};
  }

  ~LocalRunner() override {
    if (children_.empty()) return;
    stop();
    const auto deadline = std::chrono::steady_clock::now() + kGrace;
    while (!children_.empty() && std::chrono::steady_clock::now() < deadline) {
      poll();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    for (const auto& [pid, member] : children_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }

  std::string where() const override { return "this machine"; }

  void start(const MemberJob& job) override {
    const MemberFolder folder = job.run.member(job.member);
    fs::create_directories(folder.path());
    std::vector<std::string> arguments = command_;
    arguments.push_back(job.run.path().string());
    arguments.push_back(job.member);
    const std::string threads = std::to_string(job.threads);
    std::vector<std::string> variables = environment_with({{"TUTTI_NUM_THREADS", threads}, {"OMP_NUM_THREADS", threads}});
    const std::vector<char*> argv = pointers(arguments), envp = pointers(variables);
    const int log = ::open(folder.log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0) fail("local runner", "cannot write {}: {}.", folder.log().string(), std::strerror(errno));
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) become(argv.data(), envp.data(), log, parent);
    const int error = errno;
    ::close(log);
    if (pid < 0)
      ended_.push_back({job.member, MemberEnd::Kind::kFailed, fmt::format("cannot fork: {}", std::strerror(error))});
    else
      children_[pid] = job.member;
  }

  std::vector<MemberEnd> poll() override {
    for (auto child = children_.begin(); child != children_.end();) {
      int status = 0;
      if (::waitpid(child->first, &status, WNOHANG) != child->first) {
        ++child;
        continue;
      }
      ended_.push_back(end_of(child->second, status));
      child = children_.erase(child);
    }
    return std::exchange(ended_, {});
  }

  void stop() override {
    for (const auto& [pid, member] : children_) ::kill(pid, SIGTERM);
  }

 private:
  std::vector<std::string> command_;
  std::map<pid_t, std::string> children_;
  std::vector<MemberEnd> ended_;
};

}  // namespace

std::unique_ptr<Runner> make_local_runner(LocalRunnerOptions options) {
  return std::make_unique<LocalRunner>(std::move(options));
}

}  // namespace tutti
