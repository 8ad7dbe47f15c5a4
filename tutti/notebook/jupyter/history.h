// What was typed, of all sessions, in a file: one JSON array [session, line, input] a line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tutti::jupyter {

struct HistoryEntry {
  int session = 0, line = 0;
  std::string input;
};

// ~/.local/share/tutti/history, or below $XDG_DATA_HOME.
std::filesystem::path history_file();

// Reads its file when it is first asked for something. A file that cannot be read or written is as good as none.
class History {
 public:
  // At most `bound` entries are kept in the file when a session begins.
  explicit History(std::filesystem::path file, std::size_t bound = 10'000);

  void add(int line, const std::string& input);
  // Lines [start, stop) of a session; 0 is this one, -1 the one before; stop <= 0: to the end.
  std::vector<HistoryEntry> range(int session, int start, int stop);
  // The last n.
  std::vector<HistoryEntry> tail(std::size_t n);
  // The last n that match a pattern with * and ?; `unique`: of the same inputs only the last.
  std::vector<HistoryEntry> search(const std::string& pattern, std::size_t n, bool unique);

 private:
  void load();

  std::filesystem::path file_;
  std::size_t bound_;
  bool is_loaded_ = false;
  int session_ = 1;
  std::vector<HistoryEntry> entries_;
};

}  // namespace tutti::jupyter
