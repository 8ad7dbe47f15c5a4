#include "tutti/notebook/made_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "tutti/base/base64.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

constexpr std::size_t kKeyLetters = 32;

// "SIZE NANOSECONDS" of a file as it is now; "" if it is not there.
std::string stamp_of(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return "";
  return fmt::format("{} {}{:09}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

// Removes all but the `keep` keys that were used last, with their files.
void prune(const fs::path& folder, std::size_t keep) {
  std::vector<std::pair<fs::file_time_type, std::string>> keys;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code))
    if (const std::string name = entry->path().filename().string(); name.size() == kKeyLetters)
      keys.emplace_back(entry->last_write_time(code), name);
  if (keys.size() <= keep) return;
  std::ranges::sort(keys, std::greater());
  for (std::size_t i = keep; i < keys.size(); ++i) {
    const fs::path index = folder / keys[i].second;
    std::string made;
    try {
      made = read_file(index);
    } catch (const Error&) {
      continue;  // somebody else removes it
    }
    fs::remove(folder / made.substr(0, made.find('\n')), code);
    fs::remove(index, code);
  }
}

}  // namespace

std::optional<fs::path> find_made(const fs::path& folder, const std::string& key) {
  const fs::path index = folder / key;
  std::error_code code;
  if (!fs::is_regular_file(index, code)) return {};
  std::istringstream lines;
  try {
    lines.str(read_file(index));
  } catch (const Error&) {
    return {};
  }
  std::string name;
  std::getline(lines, name);
  if (!fs::is_regular_file(folder / name, code)) return {};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t path = line.find(' ', line.find(' ') + 1);
    if (path == std::string::npos || stamp_of(line.substr(path + 1)) != line.substr(0, path)) return {};
  }
  ::utimensat(AT_FDCWD, index.c_str(), nullptr, 0);  // used now; a folder of somebody else's stays as it is
  return folder / name;
}

fs::path keep_made(const fs::path& folder, const std::string& key, const std::vector<fs::path>& sources,
                   const std::function<void(const fs::path&)>& write, std::size_t keep) {
  std::error_code code;
  fs::create_directories(folder, code);
  const std::string name = fmt::format("{}-{}-{:x}", key, ::getpid(), std::hash<std::string>{}(host_name()) & 0xffffff);
  std::string index = name + "\n";
  // Before it is written: a source that changes meanwhile makes it out of date.
  for (const fs::path& source : sources) index += stamp_of(source) + " " + source.string() + "\n";
  std::string old;
  if (fs::is_regular_file(folder / key, code)) old = read_file(folder / key);
  write_atomically(folder / name, write);
  write_file_atomically(folder / key, index);
  if (const std::string before = old.substr(0, old.find('\n')); !before.empty() && before != name)
    fs::remove(folder / before, code);
  prune(folder, keep);
  return folder / name;
}

std::string key_of(const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  return hexadecimal({digest, kKeyLetters / 2});
}

}  // namespace tutti
