#include "tutti/notebook/jupyter/magic_commands.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/names.h"
#include "tutti/base/process.h"
#include "tutti/engines/engines.h"

extern char** environ;

namespace fs = std::filesystem;

namespace tutti::jupyter {
namespace {

using Clock = std::chrono::steady_clock;

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

// "1.25 s", "340 ms", "12.3 us".
std::string duration(double seconds) {
  if (seconds >= 60) return fmt::format("{:.0f} min {:.0f} s", std::floor(seconds / 60), std::fmod(seconds, 60));
  if (seconds >= 1) return fmt::format("{:.3g} s", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.3g} ms", seconds * 1e3);
  return fmt::format("{:.3g} us", seconds * 1e6);
}

double seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec); }

// Runs it and prints what it took, as IPython does; all threads count.
CellResult timed(const std::function<CellResult()>& run) {
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  const Clock::time_point begin = Clock::now();
  CellResult result = run();
  const double wall = std::chrono::duration<double>(Clock::now() - begin).count();
  ::getrusage(RUSAGE_SELF, &after);
  const double user = seconds(after.ru_utime) - seconds(before.ru_utime),
               system = seconds(after.ru_stime) - seconds(before.ru_stime);
  print(fmt::format("CPU times: user {}, sys: {}, total: {}\nWall time: {}\n", duration(user), duration(system),
                    duration(user + system), duration(wall)));
  return result;
}

void engine(const std::string& name) {
  if (!name.empty()) {
    make_engine(name);  // its error says what is missing and what there is
    ::setenv("TUTTI_ENGINE", name.c_str(), 1);
    print(fmt::format("engine: {}\n", name));
    return;
  }
  const std::string current = env("TUTTI_ENGINE", "native");
  for (const EngineInfo& info : list_engines())
    print(fmt::format("{} {:<10} {}\n", info.name == current ? '*' : ' ', info.name,
                      info.available ? fmt::format("{} ({})", info.version, fmt::join(info.devices, ", ")) : info.reason));
}

void change_folder(const std::string& argument) {
  static fs::path previous;
  fs::path folder = argument;
  if (argument.empty()) folder = env("HOME", "/");
  if (argument == "-") folder = previous.empty() ? fs::current_path() : previous;
  if (argument == "~" || argument.starts_with("~/")) folder = env("HOME", "/") + argument.substr(1);
  const std::string bare = folder.string();
  if (bare.size() > 1 && (bare.front() == '"' || bare.front() == '\'') && bare.back() == bare.front())
    folder = bare.substr(1, bare.size() - 2);
  std::error_code code;
  const fs::path here = fs::current_path(code);
  fs::current_path(folder, code);
  if (code) fail("%cd", "cannot go to {}: {}.", folder.string(), code.message());
  previous = here;
  print(fs::current_path().string() + "\n");
}

// All, one, or one that is set: "A=b" or "A b".
void environment(const std::string& argument) {
  if (argument.empty()) {
    std::map<std::string, std::string> sorted;
    for (char** entry = environ; *entry; ++entry) {
      const std::string text = *entry;
      sorted[text.substr(0, text.find('='))] = text.substr(std::min(text.size(), text.find('=') + 1));
    }
    for (const auto& [name, value] : sorted) print(name + "=" + value + "\n");
    return;
  }
  const std::size_t end = argument.find_first_of("= \t");
  const std::string name = argument.substr(0, end);
  if (name.empty()) fail("%env", "a name is missing. Expected NAME or NAME=VALUE. Got {}.", argument);
  if (end == std::string::npos) {
    const char* value = std::getenv(name.c_str());
    if (!value) fail("%env", "{} is not set.", name);
    print(std::string(value) + "\n");
    return;
  }
  const std::size_t begin = argument.find_first_not_of("= \t", end);
  const std::string value = begin == std::string::npos ? "" : argument.substr(begin);
  ::setenv(name.c_str(), value.c_str(), 1);
  print(name + "=" + value + "\n");
}

void list_magics() {
  for (const MagicInfo& info : magic_infos()) print(fmt::format("{:<18} {}\n", info.usage, info.what));
}

// Streams its output; an interrupt goes to the command and what it started. How it ends is told if it is no success.
void shell(const std::string& command) {
  constexpr std::chrono::milliseconds kPoll{5}, kPatience{2000};  // as long as a shell script may take to clean up
  Process process({.command = {"/bin/sh", "-c", command}, .death_signal = SIGKILL, .own_group = true});
  std::optional<ProcessEnd> end;
  bool is_asked = false;
  Clock::time_point asked;
  while (!(end = process.poll())) {
    if (interrupted() && !is_asked) {
      is_asked = true;
      asked = Clock::now();
      process.signal(SIGINT);
    } else if (is_asked && Clock::now() - asked > kPatience) {
      process.signal(SIGKILL);
    }
    std::this_thread::sleep_for(kPoll);
  }
  if (is_asked) throw Interrupted();
  if (!end->ok()) {
    std::fprintf(stderr, "[%s]\n", end->text().c_str());
    std::fflush(stderr);
  }
}

[[noreturn]] void unknown(const std::string& name) {
  std::vector<std::string> names;
  for (const MagicInfo& info : magic_infos()) names.push_back(info.name);
  const std::string nearest = nearest_name(name, names);
  fail("magics", "{} is unknown.{} %lsmagic lists them.", name, nearest.empty() ? "" : " Did you mean " + nearest + "?");
}

CellResult run_magic(const CellPart& part, const RunCode& run) {
  if (part.name == "time") {
    if (part.text.empty()) fail("%time", "an expression or statement is missing. Expected %time f(x).");
    return timed([&] { return run(part.text); });
  }
  if (part.name == "engine")
    engine(part.text);
  else if (part.name == "cd")
    change_folder(part.text);
  else if (part.name == "pwd")
    print(fs::current_path().string() + "\n");
  else if (part.name == "env")
    environment(part.text);
  else if (part.name == "lsmagic")
    list_magics();
  else
    unknown("%" + part.name);
  return {};
}

CellResult run_part(const CellPart& part, const RunCode& run) {
  if (part.kind == CellPart::Kind::kCode) return run(part.text);
  try {
    if (part.kind == CellPart::Kind::kMagic) return run_magic(part, run);
    shell(part.text);
  } catch (const Interrupted&) {
    return {.error = CellError{.name = "KeyboardInterrupt", .message = "", .lines = {"KeyboardInterrupt"}}, .value = {}};
  } catch (const std::exception& error) {
    return {.error = CellError{.name = "tutti::Error", .message = error.what(), .lines = {error.what()}}, .value = {}};
  }
  return {};
}

CellResult run_parts(const std::vector<CellPart>& parts, const RunCode& run) {
  CellResult result;
  for (const CellPart& part : parts) {
    result = run_part(part, run);
    if (result.error) break;
  }
  return result;
}

}  // namespace

CellResult run_cell(const CellParts& cell, const RunCode& run) {
  if (cell.cell_magic.empty()) return run_parts(cell.parts, run);
  try {
    if (cell.cell_magic != "time") unknown("%%" + cell.cell_magic);
    if (!cell.cell_argument.empty())
      fail("%%time", "nothing may follow it in its line. Expected the cell's code below. Got {}.", cell.cell_argument);
    return timed([&] { return run_parts(cell.parts, run); });
  } catch (const Error& error) {
    return {.error = CellError{.name = "tutti::Error", .message = error.what(), .lines = {error.what()}}, .value = {}};
  }
}

const std::vector<MagicInfo>& magic_infos() {
  static const std::vector<MagicInfo> infos = {
      {"%%time", "%%time", "in the first line: what the cell takes, wall and CPU"},
      {"%time", "%time EXPRESSION", "the same for one line"},
      {"%engine", "%engine [NAME]", "the engine of models that are compiled from now on; the list of engines"},
      {"%cd", "%cd [DIR|-]", "goes to a folder; home; back"},
      {"%pwd", "%pwd", "the folder"},
      {"%env", "%env [NAME[=VALUE]]", "shows or sets environment variables"},
      {"%lsmagic", "%lsmagic", "this list"},
      {"!", "!COMMAND", "runs a shell command"},
  };
  return infos;
}

}  // namespace tutti::jupyter
