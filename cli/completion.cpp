#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/common.h"

namespace tutti::cli {
namespace {

// One (sub)command: "", "train", "data get".
struct Entry {
  std::string path, description;
  std::vector<std::string> words;  // subcommands, then long options
  std::vector<std::pair<std::string, std::string>> subcommands, options;
};

std::string first_sentence(const std::string& text) { return text.substr(0, text.find('\n')); }

void collect(CLI::App& app, const std::string& path, std::vector<Entry>& commands) {
  Entry command{.path = path, .description = app.get_description()};
  for (CLI::App* child : app.get_subcommands([](CLI::App*) { return true; })) {
    if (child->get_group().empty()) continue;
    command.subcommands.emplace_back(child->get_name(), child->get_description());
    command.words.push_back(child->get_name());
    collect(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), commands);
  }
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) {
      command.options.emplace_back(name, first_sentence(option->get_description()));
      command.words.push_back("--" + name);
    }
  commands.push_back(std::move(command));
}

// The words before the cursor that are no options name the command; its words are offered, else files.
std::string bash(const std::vector<Entry>& commands) {
  std::string cases;
  for (const Entry& command : commands)
    cases += fmt::format("    \"{}\") words=\"{}\" ;;\n", command.path, fmt::join(command.words, " "));
  return R"(# tutti completion bash > /etc/bash_completion.d/tutti
_tutti() {
  local current="${COMP_WORDS[COMP_CWORD]}" command="" words="" i
  for ((i = 1; i < COMP_CWORD && i < 3; i++)); do
    case "${COMP_WORDS[i]}" in
      -*) break ;;
      *) if [[ $i == 1 || "$command" == data || "$command" == completion ]]; then command="${command:+$command }${COMP_WORDS[i]}"; fi ;;
    esac
  done
  case "$command" in
)" + cases +
         R"(  esac
  if [[ "$command" == "completion" ]]; then words="bash zsh fish"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ ${#COMPREPLY[@]} == 0 || ( -n "$command" && "$current" != -* ) ]]; then
    COMPREPLY+=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _tutti tutti
)";
}

std::string zsh_escaped(const std::string& text) {
  std::string result;
  for (const char c : text)
    result += c == '\'' ? std::string("'\\''") : c == ':' || c == '[' || c == ']' ? std::string("\\") + c : std::string(1, c);
  return result;
}

std::string zsh(const std::vector<Entry>& commands) {
  std::string cases;
  for (const Entry& command : commands) {
    cases += fmt::format("    \"{}\")\n", command.path);
    if (!command.subcommands.empty()) {
      cases += "      local -a commands=(";
      for (const auto& [name, text] : command.subcommands) cases += fmt::format("'{}:{}' ", name, zsh_escaped(text));
      cases += ")\n      _describe command commands\n";
    }
    cases += "      _arguments -S";
    for (const auto& [name, text] : command.options) cases += fmt::format(" '--{}[{}]'", name, zsh_escaped(text));
    cases += " '*:file:_files' ;;\n";
  }
  return R"(#compdef tutti
# tutti completion zsh > "${fpath[1]}/_tutti"
_tutti() {
  local command=""
  if (( CURRENT > 2 )) && [[ $words[2] != -* ]]; then
    command=$words[2]
    if [[ $command == data ]] && (( CURRENT > 3 )) && [[ $words[3] != -* ]]; then command="data $words[3]"; fi
  fi
  case "$command" in
)" + cases +
         R"(  esac
}
_tutti "$@"
)";
}

std::string fish_escaped(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return result;
}

std::string fish(const std::vector<Entry>& commands) {
  std::string script = "# tutti completion fish > ~/.config/fish/completions/tutti.fish\n";
  for (const Entry& command : commands) {
    std::string condition = "__fish_use_subcommand";
    if (!command.path.empty()) {
      condition.clear();
      for (const std::string& word : CLI::detail::split(command.path, ' '))
        condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
    }
    for (const auto& [name, text] : command.subcommands)
      script += fmt::format("complete -c tutti -n '{}' -a {} -d '{}'\n", condition, name, fish_escaped(text));
    for (const auto& [name, text] : command.options)
      script += fmt::format("complete -c tutti -n '{}' -l {} -d '{}'\n", condition, name, fish_escaped(text));
  }
  return script;
}

}  // namespace

void add_completion(Command& program, int& code) {
  auto shell = std::make_shared<std::string>();
  Command command = program.add("completion", "Print a completion script for a shell");
  command.option("SHELL", *shell, "bash, zsh or fish").required().one_of({"bash", "zsh", "fish"});
  command.examples({"source <(tutti completion bash)"});
  command.on_run([shell, program, &code]() mutable {
    std::vector<Entry> commands;
    collect(program.app(), "", commands);
    print(*shell == "bash" ? bash(commands) : *shell == "zsh" ? zsh(commands) : fish(commands));
    code = kOk;
  });
}

}  // namespace tutti::cli
