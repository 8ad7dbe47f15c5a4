// Other programs as child processes.
#pragma once

#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tutti {

struct ProcessOptions {
  std::vector<std::string> command;                     // the first word is looked up in $PATH unless it has a '/'
  std::map<std::string, std::string> environment = {};  // variables beside this process's own
  std::filesystem::path directory = {};                 // to run in; default: this process's
  std::filesystem::path input = {};                     // standard input; default: empty
  std::filesystem::path output = {};                    // standard output and error are appended here; default: this process's
  std::filesystem::path errors = {};                    // standard error, if it goes elsewhere
  int death_signal = SIGTERM;                           // the child gets it when this process dies; 0: it lives on
  // Ctrl-C in the terminal reaches neither. A group is signalled as a whole; a session may have groups of its own. When the
  // process has ended, what is left of its group or session is killed.
  bool own_group = false, own_session = false;
};

// How a process ended: by itself with a code, or by a signal.
struct ProcessEnd {
  int code = 0;
  int signal = 0;
  bool ok() const { return code == 0 && signal == 0; }
  // "exit code 2", "signal 9 (Killed)".
  std::string text() const;
};

// A running child. One that still runs when this object goes is killed.
class Process {
 public:
  // Error if the program cannot be started.
  explicit Process(const ProcessOptions& options);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) = delete;

  // How it ended, or nothing while it runs. Returns at once.
  std::optional<ProcessEnd> poll();
  ProcessEnd wait();
  void signal(int number) const;
  // Leaves it to itself: it runs on when this object goes. Its id, for later.
  pid_t release() { return std::exchange(id_, -1); }
  pid_t id() const { return id_; }

 private:
  void take_end(const ProcessEnd& end);

  pid_t id_ = -1;
  bool own_group_ = false, own_session_ = false;
  std::optional<ProcessEnd> end_;
};

// What a program printed until it ended.
struct Captured {
  ProcessEnd end;
  std::string out, err;
};
// Runs a program to its end, `input` on its standard input; one that takes longer than `seconds` is killed. Error if it cannot
// be started.
Captured capture(const std::vector<std::string>& command, const std::string& input = "", double seconds = 60);

// The file that a shell would run for `name`: nothing if there is none.
std::optional<std::filesystem::path> find_program(const std::string& name);

}  // namespace tutti
