#include "tutti/notebook/jupyter/history.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tutti/base/files.h"

namespace fs = std::filesystem;

namespace tutti::jupyter {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxBytes = 64 << 20;  // a larger file is not ours

std::string line_of(const HistoryEntry& entry) {
  return Json::array({entry.session, entry.line, entry.input}).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<HistoryEntry> parse(const std::string& line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_array() || json.size() != 3 || !json[0].is_number_integer() || !json[1].is_number_integer() ||
      !json[2].is_string())
    return {};
  return HistoryEntry{json[0].get<int>(), json[1].get<int>(), json[2].get<std::string>()};
}

// An open file with its lock: two kernels that start at once get two session numbers.
class LockedFile {
 public:
  explicit LockedFile(const fs::path& path) : number_(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
    if (number_ >= 0) ::flock(number_, LOCK_EX);
  }
  ~LockedFile() {
    if (number_ >= 0) ::close(number_);
  }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;
  void append(const std::string& text) const {
    if (number_ >= 0) {
      [[maybe_unused]] const ssize_t written = ::write(number_, text.data(), text.size());
    }
  }
  void empty() const {
    if (number_ >= 0) {
      [[maybe_unused]] const int result = ::ftruncate(number_, 0);
    }
  }

 private:
  int number_;
};

}  // namespace

fs::path history_file() {
  const fs::path data = env("XDG_DATA_HOME", (fs::path(env("HOME", "/tmp")) / ".local" / "share").string());
  return data / "tutti" / "history";
}

History::History(fs::path file, std::size_t bound) : file_(std::move(file)), bound_(bound) {}

void History::load() {
  if (is_loaded_) return;
  is_loaded_ = true;
  std::error_code code;
  fs::create_directories(file_.parent_path(), code);
  const LockedFile file(file_);
  try {
    std::istringstream lines(read_file(file_, kMaxBytes));
    for (std::string line; std::getline(lines, line);)
      if (std::optional<HistoryEntry> entry = parse(line)) entries_.push_back(std::move(*entry));
  } catch (const std::exception&) {
    return;  // a history is no reason to fail
  }
  for (const HistoryEntry& entry : entries_) session_ = std::max(session_, entry.session + 1);
  if (entries_.size() > bound_) {
    entries_.erase(entries_.begin(), entries_.end() - static_cast<std::ptrdiff_t>(bound_));
    // In place: another kernel that has the file open goes on with the same file.
    std::string text;
    for (const HistoryEntry& entry : entries_) text += line_of(entry);
    file.empty();
    file.append(text);
  }
  // Line 0 stands for the session's begin: its number is taken.
  file.append(line_of({session_, 0, ""}));
  std::erase_if(entries_, [](const HistoryEntry& entry) { return entry.line == 0; });
}

void History::add(int line, const std::string& input) {
  load();
  entries_.push_back({session_, line, input});
  const LockedFile file(file_);
  file.append(line_of(entries_.back()));
}

std::vector<HistoryEntry> History::range(int session, int start, int stop) {
  load();
  const int wanted = session <= 0 ? session_ + session : session;
  std::vector<HistoryEntry> result;
  for (const HistoryEntry& entry : entries_)
    if (entry.session == wanted && entry.line >= start && (stop <= 0 || entry.line < stop)) result.push_back(entry);
  return result;
}

std::vector<HistoryEntry> History::tail(std::size_t n) {
  load();
  return {entries_.end() - static_cast<std::ptrdiff_t>(std::min(n, entries_.size())), entries_.end()};
}

std::vector<HistoryEntry> History::search(const std::string& pattern, std::size_t n, bool unique) {
  load();
  std::vector<HistoryEntry> result;
  std::set<std::string> seen;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && result.size() < n; ++entry) {
    if (::fnmatch(pattern.c_str(), entry->input.c_str(), 0) != 0) continue;
    if (unique && !seen.insert(entry->input).second) continue;
    result.push_back(*entry);
  }
  std::ranges::reverse(result);
  return result;
}

}  // namespace tutti::jupyter
