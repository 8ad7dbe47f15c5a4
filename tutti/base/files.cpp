#include "tutti/base/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "tutti/base/error.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

void sync_path(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags);
  if (fd < 0) return;
  const int result = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  // Some file systems refuse fsync on a folder (EINVAL); a full disk is the error that matters.
  if (result != 0 && error != EINVAL) fail("write_file", "cannot flush {}: {}.", path.string(), std::strerror(error));
}

using PathAction = std::function<void(const fs::path& aside)>;

// `write`s a file beside `path`; once it is on the disk, `publish` gives it its name.
void write_aside(const fs::path& path, const PathAction& write, const PathAction& publish) {
  std::error_code code;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  fs::create_directories(folder, code);
  if (code) fail("write_file", "cannot create folder {}: {}.", folder.string(), code.message());
  // Unique in this process, among processes and among machines: in containers every process may be number 1. The extension
  // stays last for writers that look at it.
  static std::atomic<unsigned> serial{0};
  const fs::path aside = folder / fmt::format(".{}.{}.{}.{}{}", path.stem().string(), host_name(), ::getpid(), serial++,
                                              path.extension().string());
  try {
    write(aside);
    sync_path(aside, O_RDONLY);
    publish(aside);
    sync_path(folder, O_RDONLY | O_DIRECTORY);
  } catch (...) {
    fs::remove(aside, code);
    throw;
  }
}

PathAction writer_of(const fs::path& path, std::string_view content) {
  return [&path, content](const fs::path& aside) {
    std::ofstream file(aside, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    file.close();
    if (!file) fail("write_file", "cannot write {}: {}.", path.string(), std::strerror(errno));
  };
}

}  // namespace

std::string read_file(const fs::path& path, std::size_t max_bytes) {
  std::error_code code;
  if (fs::is_directory(path, code)) fail("read_file", "{} is a folder. Expected a file.", path.string());
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("read_file", "cannot open {}: {}.", path.string(), std::strerror(errno));
  std::string content;
  char block[1 << 16];
  while (file.read(block, sizeof block) || file.gcount() > 0) {
    content.append(block, static_cast<std::size_t>(file.gcount()));
    if (content.size() > max_bytes) fail("read_file", "{} is larger than {} bytes.", path.string(), max_bytes);
  }
  if (file.bad()) fail("read_file", "cannot read {}: {}.", path.string(), std::strerror(errno));
  return content;
}

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

void write_atomically(const fs::path& path, const std::function<void(const fs::path&)>& write) {
  write_aside(path, write, [&](const fs::path& aside) {
    std::error_code code;
    fs::rename(aside, path, code);
    if (code) fail("write_file", "cannot write {}: {}.", path.string(), code.message());
  });
}

void write_file_atomically(const fs::path& path, std::string_view content) { write_atomically(path, writer_of(path, content)); }

bool create_file_atomically(const fs::path& path, std::string_view content) {
  bool made = false;
  write_aside(path, writer_of(path, content), [&](const fs::path& aside) {
    made = ::link(aside.c_str(), path.c_str()) == 0;
    if (!made && errno != EEXIST) fail("write_file", "cannot write {}: {}.", path.string(), std::strerror(errno));
    std::error_code code;
    fs::remove(aside, code);
  });
  return made;
}

fs::path cache_dir() {
  if (const std::string cache = env("XDG_CACHE_HOME"); !cache.empty()) return fs::path(cache) / "tutti";
  return fs::path(env("HOME", "/tmp")) / ".cache" / "tutti";
}

std::string env(const char* name, std::string_view fallback) {
  const char* value = std::getenv(name);
  return value && *value ? value : std::string(fallback);
}

}  // namespace tutti
