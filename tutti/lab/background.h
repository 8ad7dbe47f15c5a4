// Programs that run on when this one has ended.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tutti {

// A process that is found again later. Numbers are given anew when a process has ended, so its start is part of its name.
struct BackgroundProcess {
  int id = 0;                    // 0: none
  unsigned long long start = 0;  // in clock ticks after the machine's start; see proc(5), stat
  bool operator==(const BackgroundProcess&) const = default;
};

struct BackgroundOptions {
  std::vector<std::string> command;
  std::map<std::string, std::string> environment = {};
  std::filesystem::path directory = {};
  std::filesystem::path log;  // what it prints; emptied before
  int port = 0;               // of this machine that it will listen on
  double patience = 60;       // seconds until it must
};

// Starts it in a session of its own and waits until it listens on its port. Error with the last words of its log if it ends
// or takes too long; then it is stopped.
BackgroundProcess start_background(const BackgroundOptions& options);

bool is_running(const BackgroundProcess& process);
// SIGTERM to it, and SIGKILL to its session if that does not help within so many seconds. Does nothing to one that has ended.
void stop(const BackgroundProcess& process, double patience = 15);

// True if somebody listens on 127.0.0.1:port.
bool listens(int port);
// A port of this machine that nobody uses now.
int free_port();

}  // namespace tutti
