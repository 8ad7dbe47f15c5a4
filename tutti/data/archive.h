// Readers of zip, gzip and tar.gz that treat every length as hostile.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tutti {

// A zip file. One thread at a time; several readers of one file may be open.
class ZipReader {
 public:
  struct Entry {
    std::string name;
    std::uint64_t size = 0;  // uncompressed
  };
  // Error if the file is no zip.
  explicit ZipReader(std::filesystem::path path);
  ~ZipReader();
  ZipReader(ZipReader&&) noexcept;
  ZipReader& operator=(ZipReader&&) noexcept;

  const std::vector<Entry>& entries() const { return entries_; }
  // The content of entries()[index], its CRC checked. Error if it is damaged or larger than max_bytes.
  std::string read(std::size_t index, std::uint64_t max_bytes) const;

 private:
  struct Handle;
  std::filesystem::path path_;
  std::unique_ptr<Handle> handle_;
  std::vector<Entry> entries_;
};

// The uncompressed content of a gzip file, or the content as it is if the file is not gzip. Error if it is damaged,
// truncated or larger than max_bytes.
std::string read_gzip(const std::filesystem::path& path, std::uint64_t max_bytes);

// Reads a .tar.gz (ustar, GNU or pax; regular files) from start to end. `wanted` is asked for each file; those it wants are
// read, at most max_bytes each, and given to `take`. Nothing is written to the disk. Error if the file is damaged or truncated.
struct TarVisitor {
  std::function<bool(const std::string& name)> wanted;
  std::function<void(const std::string& name, std::string content)> take;
  std::uint64_t max_bytes = 0;
};
void read_tar_gz(const std::filesystem::path& path, const TarVisitor& visitor);

}  // namespace tutti
