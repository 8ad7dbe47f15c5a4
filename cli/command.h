// The arguments of a command: CLI11 behind plain functions, since its headers take eight seconds a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace tutti::cli {

// One argument. Each function returns the same one.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  Option& required();
  // The value that it has now is told in --help.
  Option& show_default();
  Option& positive();
  Option& not_negative();
  Option& one_of(std::vector<std::string> values);
  // May be given several times, with one value each.
  Option& repeated();
  Option& excludes(const std::string& name);

 private:
  CLI::Option* option_;
};

// A command, or the program. A handle: copies are the same command.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}
  Command add(const std::string& name, const std::string& description);

  // `value` outlives the command. "NAME" is a positional argument, "--name" an option.
  Option option(const std::string& name, std::string& value, const std::string& help);
  Option option(const std::string& name, std::filesystem::path& value, const std::string& help);
  Option option(const std::string& name, int& value, const std::string& help);
  Option option(const std::string& name, std::int64_t& value, const std::string& help);
  Option option(const std::string& name, std::vector<std::string>& value, const std::string& help);
  Option option(const std::string& name, std::vector<std::filesystem::path>& value, const std::string& help);
  Option flag(const std::string& name, bool& value, const std::string& help);
  // An option that was added before.
  Option find(const std::string& name);

  // "Example:\n  tutti ..." under the help.
  void examples(const std::vector<std::string>& lines);
  // Not listed in --help.
  void hide();
  // One of the commands below it must be named.
  void require_command();
  void on_run(std::function<void()> function);
  CLI::App& app() { return *app_; }

 private:
  CLI::App* app_;
};

}  // namespace tutti::cli
