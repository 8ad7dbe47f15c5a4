#include "cli/command.h"

#include <CLI/CLI.hpp>

namespace tutti::cli {
namespace {

// `type` stands behind the option's own in --help.
CLI::Validator number_that(bool (*is_good)(double), const char* type, const char* rule) {
  const auto check = [is_good, rule](std::string& text) {
    double value = 0;
    if (CLI::detail::lexical_cast(text, value) && is_good(value)) return std::string();
    return text + " " + rule;
  };
  return CLI::Validator(check, type);
}

}  // namespace

Option& Option::required() {
  option_->required();
  return *this;
}
Option& Option::show_default() {
  option_->capture_default_str();
  return *this;
}
Option& Option::positive() {
  option_->check(number_that([](double value) { return value > 0; }, "POSITIVE", "must be more than 0"));
  return *this;
}
Option& Option::not_negative() {
  option_->check(number_that([](double value) { return value >= 0; }, "NONNEGATIVE", "must not be negative"));
  return *this;
}
Option& Option::one_of(std::vector<std::string> values) {
  option_->check(CLI::IsMember(std::move(values)));
  return *this;
}
Option& Option::repeated() {
  option_->allow_extra_args(false);
  return *this;
}
Option& Option::excludes(const std::string& name) {
  option_->excludes(name);
  return *this;
}

Command Command::add(const std::string& name, const std::string& description) {
  return Command(*app_->add_subcommand(name, description));
}

Option Command::option(const std::string& name, std::string& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
Option Command::option(const std::string& name, std::filesystem::path& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
Option Command::option(const std::string& name, int& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
Option Command::option(const std::string& name, std::int64_t& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
Option Command::option(const std::string& name, std::vector<std::string>& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
Option Command::option(const std::string& name, std::vector<std::filesystem::path>& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
Option Command::flag(const std::string& name, bool& value, const std::string& help) {
  return Option(app_->add_flag(name, value, help));
}
Option Command::find(const std::string& name) { return Option(app_->get_option(name)); }

void Command::examples(const std::vector<std::string>& lines) {
  std::string text = lines.size() == 1 ? "Example:\n" : "Examples:\n";
  for (const std::string& line : lines) text += "  " + line + "\n";
  app_->footer(text);
}
void Command::hide() { app_->group(""); }
void Command::require_command() { app_->require_subcommand(1); }
void Command::on_run(std::function<void()> function) { app_->callback(std::move(function)); }

}  // namespace tutti::cli
