#include "tutti/lab/background.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/process.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

sockaddr_in local_address(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

class Socket {
 public:
  Socket() : number_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (number_ < 0) fail("lab", "cannot make a socket: {}.", std::strerror(errno));
  }
  ~Socket() { ::close(number_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

// The words of /proc/ID/stat behind the program's name, which may itself have blanks and brackets; none if it is gone.
std::vector<std::string> stat_of(int id) {
  std::ifstream file(fmt::format("/proc/{}/stat", id));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name = text.rfind(')');
  if (name == std::string::npos) return {};
  std::istringstream words(text.substr(name + 1));
  return {std::istream_iterator<std::string>(words), {}};
}

constexpr std::size_t kState = 0, kStart = 19;  // fields 3 and 22 of proc(5)

unsigned long long start_of(int id) {
  const std::vector<std::string> words = stat_of(id);
  return words.size() > kStart && words[kState] != "Z" ? std::stoull(words[kStart]) : 0;
}

// What a user wants to know of a log: its last line that says something, an error before others.
std::string last_words(const fs::path& log) {
  std::istringstream lines(fs::exists(log) ? read_file(log) : "");
  std::string last, error;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    last = line;
    if (line.find("rror") != std::string::npos || line.find("[C ") != std::string::npos) error = line;
  }
  return error.empty() ? last : error;
}

}  // namespace

BackgroundProcess start_background(const BackgroundOptions& options) {
  fs::create_directories(options.log.parent_path());
  fs::remove(options.log);
  Process process({.command = options.command,
                   .environment = options.environment,
                   .directory = options.directory,
                   .output = options.log,
                   .death_signal = 0,
                   .own_session = true});
  const std::string program = fs::path(options.command[0]).filename().string();
  for (const auto begin = Clock::now(); !listens(options.port);) {
    if (const auto end = process.poll()) fail("lab", "{} ended with {}: {}", program, end->text(), last_words(options.log));
    if (interrupted()) throw Interrupted();
    if (Clock::now() - begin > std::chrono::duration<double>(options.patience))
      fail("lab", "{} does not listen on port {} after {:.0f} s. See {}", program, options.port, options.patience,
           options.log.string());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const int id = process.release();
  return {id, start_of(id)};
}

bool is_running(const BackgroundProcess& process) {
  return process.id > 0 && process.start > 0 && start_of(process.id) == process.start;
}

void stop(const BackgroundProcess& process, double patience) {
  if (!is_running(process)) return;
  ::kill(process.id, SIGTERM);
  for (const auto begin = Clock::now(); is_running(process);) {
    if (Clock::now() - begin > std::chrono::duration<double>(patience)) ::kill(-process.id, SIGKILL);
    ::waitpid(process.id, nullptr, WNOHANG);  // if it is a child of ours
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

bool listens(int port) {
  const Socket socket;
  const sockaddr_in address = local_address(port);
  return ::connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

int free_port() {
  const Socket socket;
  sockaddr_in address = local_address(0);
  socklen_t size = sizeof address;
  if (::bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::getsockname(socket.number(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    fail("lab", "there is no free port: {}.", std::strerror(errno));
  return ntohs(address.sin_port);
}

}  // namespace tutti
