// tutti: the program. Each subcommand has a file of its own; they parse and print, and leave the work to the library.
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/run.h"
#include "tutti/base/error.h"
#include "tutti/base/names.h"

namespace tutti::cli {
namespace {

constexpr const char* kFooter = R"(Examples:
  tutti train examples/cifar10-cnn.yaml
  tutti predict cifar10-cnn --images ~/photos
  tutti TOPIC --help

Exit codes:
  0 success   1 error   2 wrong usage   3 a member of an experiment failed   130 interrupted
)";

void say_error(const std::string& text) {
  // One line, whatever a library put into the message.
  std::string line = text;
  for (char& c : line)
    if (c == '\n' || c == '\r') c = ' ';
  std::fprintf(stderr, "tutti: error: %s\n", line.c_str());
}

const CLI::App& innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.front());
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() ? full_name(*app.get_parent()) + " " + app.get_name() : app.get_name();
}

// What to say of the first word that was not understood; empty if all were.
std::string unknown_word(const CLI::App& command) {
  const std::vector<std::string> extras = command.remaining();
  if (extras.empty()) return "";
  const bool is_option = extras.front().starts_with("-");
  std::vector<std::string> known;
  for (const CLI::App* child : command.get_subcommands([](const CLI::App*) { return true; }))
    if (!child->get_group().empty()) known.push_back(child->get_name());
  const bool has_commands = !known.empty();
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  const std::string nearest = nearest_name(extras.front(), known);
  return std::string("unknown ") + (is_option || !has_commands ? "argument" : "command") + " '" + extras.front() + "'." +
         (nearest.empty() ? "" : " Did you mean '" + nearest + "'?");
}

int usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = innermost(app);
  std::string text = unknown_word(command);
  if (text.empty()) text = error.what();
  if (text.find_last_of(".?!") != text.size() - 1) text += '.';
  say_error(text + " See: " + full_name(command) + " --help");
  return kUsage;
}

// True if standard output is a pipe whose reader went away.
bool reader_is_gone() {
  pollfd out{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

// A full disk is an error; a reader that has seen enough (`| head`) is not ours to report.
int flush_output(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  if (reader_is_gone()) return code == kOk ? 128 + SIGPIPE : code;
  say_error("cannot write the output: is the disk full?");
  return kError;
}

void add_commands(Command program, int& code) {
  add_train(program, code);
  add_plan(program, code);
  add_resume(program, code);
  add_cancel(program, code);
  add_status(program, code);
  add_logs(program, code);
  add_list(program, code);
  add_rm(program, code);
  add_report(program, code);
  add_compare(program, code);
  add_ensemble(program, code);
  add_schedule(program, code);
  add_verify(program, code);
  add_evaluate(program, code);
  add_predict(program, code);
  add_summary(program, code);
  add_graph(program, code);
  add_run(program, code);
  add_kernel(program, code);
  add_engines(program, code);
  add_bench(program, code);
  add_data(program, code);
  add_lab(program, code);
  add_doctor(program, code);
  add_version(program, code);
  add_completion(program, code);
  add_member(program, code);
  add_pod(program, code);
  add_cost(program, code);
}

int run(int argc, char** argv) {
  int code = kOk;
  CLI::App app("One model, many deep-learning engines, one ensemble", "tutti");
  app.set_version_flag("--version", "tutti " TUTTI_VERSION, "Print the version and exit");
  app.require_subcommand(1);
  app.footer(kFooter);
  app.get_formatter()->column_width(32);
  add_commands(Command(app), code);
  try {
    if (const auto ended = run_script_command(argc, argv))
      code = *ended;
    else
      app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);  // of the subcommand that was named
  } catch (const CLI::CallForVersion& version) {
    std::printf("%s\n", version.what());
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error);
  } catch (const Interrupted&) {
    say_error("interrupted");
    code = kInterrupted;
  } catch (const std::bad_alloc&) {
    say_error("out of memory. Expected a smaller batch, or fewer members at a time (--parallel).");
    code = kError;
  } catch (const std::exception& error) {
    say_error(error.what());
    code = kError;
  }
  return flush_output(code);
}

}  // namespace
}  // namespace tutti::cli

int main(int argc, char** argv) {
  // A reader that goes away must not end a training: writing then fails, and flush_output() sees it.
  std::signal(SIGPIPE, SIG_IGN);
  // A parent that ignores it would keep this process from knowing how its children ended.
  std::signal(SIGCHLD, SIG_DFL);
  return tutti::cli::run(argc, argv);
}
