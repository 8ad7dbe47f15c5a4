#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <thread>

#include <fmt/color.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/run_view.h"
#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/names.h"

namespace tutti::cli {
namespace {

// Reads what a log has gained since the last look, whole lines only.
class LogReader {
 public:
  LogReader(const MemberFolder& folder, std::string prefix) : folder_(folder), prefix_(std::move(prefix)) {}

  // False if there was nothing new.
  bool print_new() {
    std::ifstream file(folder_.log());
    if (!file.seekg(position_)) return false;
    bool any = false;
    for (std::string line; std::getline(file, line) && !file.eof();) {
      position_ = file.tellg();
      print(prefix_ + line + "\n");
      any = true;
    }
    return any;
  }
  // Why there is nothing to read yet, each time that it is something else.
  void print_wait(const MemberStatus& status) {
    const std::string reason = status.state == MemberState::kWaiting ? status.error : "";
    if (reason != reason_ && !reason.empty()) print(prefix_ + "(waiting: " + reason + ")\n");
    reason_ = reason;
  }
  std::string member() const { return folder_.name(); }

 private:
  MemberFolder folder_;
  std::string prefix_;
  std::string reason_;
  std::streamoff position_ = 0;
};

constexpr fmt::terminal_color kColors[] = {fmt::terminal_color::cyan, fmt::terminal_color::green, fmt::terminal_color::yellow,
                                           fmt::terminal_color::magenta, fmt::terminal_color::blue};

std::vector<LogReader> readers_of(const RunFolder& run, const std::vector<std::string>& members) {
  std::size_t width = 0;
  for (const std::string& name : members) width = std::max(width, name.size());
  const bool colored = ::isatty(STDOUT_FILENO) != 0;
  std::vector<LogReader> readers;
  for (const std::string& name : members) {
    std::string prefix = fmt::format("{:<{}} | ", name, width);
    if (colored) prefix = fmt::format(fmt::fg(kColors[readers.size() % std::size(kColors)]), "{}", prefix);
    readers.emplace_back(run.member(name), std::move(prefix));
  }
  return readers;
}

// A cluster is asked every few looks only: a call of kubectl is a process.
void follow(RunView& view, std::vector<LogReader>& readers) {
  constexpr auto kPoll = std::chrono::milliseconds(200);
  constexpr int kLooks = 10;
  int look = 0;
  for (bool live = true, news = true; live || news; ++look) {
    check_interrupt();
    if (look % kLooks == 0) view.look();
    live = news = false;
    // Whether it lives first: what it wrote before it ended is then still read.
    for (const LogReader& reader : readers) live = live || view.is_live(reader.member());
    for (LogReader& reader : readers) {
      news = reader.print_new() || news;
      reader.print_wait(view.status(reader.member()));
    }
    std::fflush(stdout);
    if (live || news) std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace

void add_logs(Command& program, int& code) {
  struct Arguments {
    RunArguments run;
    std::vector<std::string> members;
    bool follow = false;
  };
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("logs", "Print the logs of a run's members, each line with the member's name");
  arguments->run.add(command, false);
  command.option("--member", arguments->members, "only this member (may be repeated)").repeated();
  command.flag("-f,--follow", arguments->follow, "go on until no member is being trained any more");
  command.examples({"tutti logs -f cifar10-cnn", "tutti logs --member native-1"});
  command.on_run([arguments, &code] {
    const RunFolder run = arguments->run.find();
    const std::vector<std::string> all = arguments->run.members();
    for (const std::string& name : arguments->members)
      if (std::find(all.begin(), all.end(), name) == all.end())
        fail("logs", "{} has no member '{}'. {}", run.path().string(), name, hint(name, all));
    std::vector<LogReader> readers = readers_of(run, arguments->members.empty() ? all : arguments->members);
    for (LogReader& reader : readers) reader.print_new();
    if (arguments->follow) {
      handle_interrupts();
      RunView view(run, all);
      follow(view, readers);
    }
    code = kOk;
  });
}

}  // namespace tutti::cli
