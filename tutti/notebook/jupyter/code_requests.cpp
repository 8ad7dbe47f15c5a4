#include "tutti/notebook/jupyter/code_requests.h"

#include <algorithm>
#include <filesystem>

#include "tutti/notebook/jupyter/magic_commands.h"
#include "tutti/notebook/jupyter/utf8.h"

namespace fs = std::filesystem;

namespace tutti::jupyter {
namespace {

constexpr int kAllHistory = 1000;  // where a front-end does not say how much; as IPython's

// The line around the cursor, up to the cursor.
std::string line_before(const std::string& code, std::size_t cursor) {
  const std::size_t newline = cursor == 0 ? std::string::npos : code.rfind('\n', cursor - 1);
  const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
  return code.substr(begin, cursor - begin);
}

Completions complete_path(const std::string& word, std::size_t cursor) {
  const fs::path path = word;
  const std::string last = path.filename().string();
  Completions result{.matches = {}, .begin = cursor - last.size(), .end = cursor};
  std::error_code code;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(last) || (name.starts_with('.') && !last.starts_with('.'))) continue;
    result.matches.push_back({.text = name + (entry.is_directory(code) ? "/" : ""), .kind = "path", .signature = ""});
  }
  std::ranges::sort(result.matches, {}, &Completion::text);
  return result;
}

}  // namespace

std::string text_of(const Json& content, const char* name) {
  const auto found = content.find(name);
  return found != content.end() && found->is_string() ? found->get<std::string>() : "";
}

bool flag_of(const Json& content, const char* name, bool fallback) {
  const auto found = content.find(name);
  return found != content.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

int number_of(const Json& content, const char* name, int fallback) {
  const auto found = content.find(name);
  return found != content.end() && found->is_number_integer() ? found->get<int>() : fallback;
}

CodeAt code_at(const Json& content) {
  CodeAt at{.code = text_of(content, "code")};
  const int position = number_of(content, "cursor_pos", -1);
  at.cursor = position < 0 ? at.code.size() : byte_position(at.code, static_cast<std::size_t>(position));
  return at;
}

Json completions_content(const std::string& code, const Completions& completions) {
  const std::size_t begin = code_point_position(code, completions.begin), end = code_point_position(code, completions.end);
  Json matches = Json::array(), types = Json::array();
  for (const Completion& match : completions.matches) {
    matches.push_back(match.text);
    types.push_back(
        {{"start", begin}, {"end", end}, {"text", match.text}, {"type", match.kind}, {"signature", match.signature}});
  }
  return {{"status", "ok"},
          {"matches", matches},
          {"cursor_start", begin},
          {"cursor_end", end},
          {"metadata", {{"_jupyter_types_experimental", types}}}};
}

Json history_content(History& history, const Json& request) {
  const std::string access = text_of(request, "hist_access_type");
  const auto n = static_cast<std::size_t>(std::max(0, number_of(request, "n", kAllHistory)));
  std::vector<HistoryEntry> entries;
  if (access == "range")
    entries = history.range(number_of(request, "session", 0), number_of(request, "start", 1), number_of(request, "stop", 0));
  else if (access == "search")
    entries = history.search(text_of(request, "pattern"), n, flag_of(request, "unique", false));
  else
    entries = history.tail(n);
  const bool with_output = flag_of(request, "output", false);
  Json result = Json::array();
  for (const HistoryEntry& entry : entries) {
    // Outputs are not kept.
    const Json input = with_output ? Json::array({entry.input, nullptr}) : Json(entry.input);
    result.push_back(Json::array({entry.session, entry.line, input}));
  }
  return result;
}

Json error_content(const CellError& error) {
  return {{"status", "error"}, {"ename", error.name}, {"evalue", error.message}, {"traceback", error.lines}};
}

Completions complete_magic(const std::string& code, std::size_t cursor) {
  const std::string line = line_before(code, cursor);
  const std::size_t start = line.find_first_not_of(" \t");
  const std::size_t word = line.find_last_of(" \t") == std::string::npos ? 0 : line.find_last_of(" \t") + 1;
  if (start == std::string::npos) return {.matches = {}, .begin = cursor, .end = cursor};
  if (word > start || line[start] == '!')
    return complete_path(line.substr(std::max(word, line[start] == '!' ? start + 1 : word)), cursor);
  Completions result{.matches = {}, .begin = cursor - (line.size() - start), .end = cursor};
  for (const MagicInfo& info : magic_infos())
    if (info.name.starts_with(line.substr(start)))
      result.matches.push_back({.text = info.name, .kind = "magic", .signature = ""});
  return result;
}

std::optional<MimeBundle> inspect_magic(const std::string& code, std::size_t cursor) {
  std::string line = line_before(code, cursor) + code.substr(cursor, code.find('\n', cursor) - cursor);
  line.erase(0, std::min(line.size(), line.find_first_not_of(" \t")));
  const std::string name = line.substr(0, line.find_first_of(" \t"));
  for (const MagicInfo& info : magic_infos())
    if (info.name == name) return MimeBundle{{"text/plain", info.usage + "\n" + info.what}};
  return {};
}

}  // namespace tutti::jupyter
