#include <chrono>
#include <memory>
#include <thread>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/run_view.h"
#include "tutti/base/display.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/progress.h"

namespace tutti::cli {
namespace {

nlohmann::ordered_json json_of(const std::string& name, const MemberStatus& status) {
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object();
  for (const auto& [key, value] : status.metrics) metrics[key] = value;
  return {{"name", name},
          {"state", name_of(status.state)},
          {"engine", status.engine},
          {"epoch", status.epoch},
          {"epochs", status.epochs},
          {"images_per_second", status.images_per_second},
          {"seconds_left", status.seconds_left},
          {"metrics", metrics},
          {"error", status.error}};
}

// The members as lines; `live` is told whether one of them is being trained, or will be.
std::string lines_of(RunView& view, bool& live) {
  std::size_t width = 0;
  for (const std::string& name : view.members()) width = std::max(width, name.size());
  std::string text;
  live = false;
  view.look();
  for (const std::string& name : view.members()) {
    live = live || view.is_live(name);
    text += member_line({name, view.status(name)}, width, display().is_interactive() ? display().width() : 0) + "\n";
  }
  return text;
}

// Until no member is being trained any more: in place on a terminal, elsewhere when something has changed.
void watch(RunView& view) {
  handle_interrupts();
  std::string shown;
  for (bool live = true; live;) {
    const std::string text = lines_of(view, live);
    if (text != shown) {
      if (display().is_interactive())
        display().live("status", std::string_view(text).substr(0, text.size() - 1));
      else
        print(text);
      std::fflush(stdout);
      shown = text;
    }
    for (int i = 0; live && i < 10; ++i) {
      check_interrupt();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  if (display().is_interactive()) print("\n");
}

void show(const RunArguments& arguments, bool and_watch) {
  const RunFolder run = arguments.find();
  RunView view(run, arguments.members());
  if (arguments.json) {
    view.look();
    nlohmann::ordered_json json = {{"run", run.path().string()}, {"members", nlohmann::ordered_json::array()}};
    for (const std::string& name : view.members()) json["members"].push_back(json_of(name, view.status(name)));
    return print(json.dump(2) + "\n");
  }
  bool live = false;
  print(run.path().string() + "\n");
  if (and_watch)
    watch(view);
  else
    print(lines_of(view, live));
}

}  // namespace

void add_status(Command& program, int& code) {
  struct Arguments {
    RunArguments run;
    bool watch = false;
  };
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("status", "Show the members of a run");
  arguments->run.add(command);
  command.flag("-w,--watch", arguments->watch, "go on until no member is being trained any more").excludes("--json");
  command.examples({"tutti status cifar10-cnn", "tutti status --watch"});
  command.on_run([arguments, &code] {
    show(arguments->run, arguments->watch);
    code = kOk;
  });
}

}  // namespace tutti::cli
