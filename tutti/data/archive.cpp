#include "tutti/data/archive.h"

#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "tutti/base/error.h"

namespace fs = std::filesystem;

namespace tutti {

struct ZipReader::Handle {
  zip_t* zip = nullptr;
  ~Handle() { zip_discard(zip); }
};

ZipReader::ZipReader(fs::path path) : path_(std::move(path)), handle_(std::make_unique<Handle>()) {
  int code = 0;
  handle_->zip = zip_open(path_.c_str(), ZIP_RDONLY, &code);
  if (!handle_->zip) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail("zip", "cannot open {}: {}.", path_.string(), text);
  }
  const zip_int64_t count = zip_get_num_entries(handle_->zip, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    if (zip_stat_index(handle_->zip, static_cast<zip_uint64_t>(i), 0, &stat) != 0 || !(stat.valid & ZIP_STAT_NAME) ||
        !(stat.valid & ZIP_STAT_SIZE))
      fail("zip", "{} has a damaged entry {}.", path_.string(), i);
    entries_.push_back({stat.name, stat.size});
  }
}

ZipReader::~ZipReader() = default;
ZipReader::ZipReader(ZipReader&&) noexcept = default;
ZipReader& ZipReader::operator=(ZipReader&&) noexcept = default;

std::string ZipReader::read(std::size_t index, std::uint64_t max_bytes) const {
  const Entry& entry = entries_.at(index);
  if (entry.size > max_bytes)
    fail("zip", "{}:{} is too large. Expected at most {} bytes. Got {}.", path_.string(), entry.name, max_bytes, entry.size);
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen_index(handle_->zip, index, 0), zip_fclose);
  if (!file) fail("zip", "cannot read {}:{}: {}.", path_.string(), entry.name, zip_strerror(handle_->zip));
  // Grows as data come: the size in the directory is only a claim.
  std::string content;
  std::array<char, 1 << 16> block;
  zip_int64_t got = 0;
  while ((got = zip_fread(file.get(), block.data(), block.size())) > 0) {
    content.append(block.data(), static_cast<std::size_t>(got));
    if (content.size() > entry.size) break;
  }
  if (got < 0) fail("zip", "{}:{} is damaged: {}.", path_.string(), entry.name, zip_file_strerror(file.get()));
  if (content.size() != entry.size)
    fail("zip", "{}:{} is damaged. Expected {} bytes. Got {}.", path_.string(), entry.name, entry.size, content.size());
  return content;
}

namespace {

// A gzip file (or a plain one) read as a stream.
class GzipStream {
 public:
  explicit GzipStream(const fs::path& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    if (!file_) fail("gzip", "cannot open {}: {}.", path.string(), std::strerror(errno));
    gzbuffer(file_, 1 << 17);
  }
  ~GzipStream() { gzclose(file_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  // Reads up to `count` bytes; fewer only at the end of the file.
  std::size_t read(char* to, std::size_t count) {
    std::size_t done = 0;
    while (done < count) {
      const int got = gzread(file_, to + done, static_cast<unsigned>(std::min<std::size_t>(count - done, 1 << 20)));
      int code = Z_OK;
      const char* text = gzerror(file_, &code);
      if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
        fail("gzip", "{} is damaged or truncated: {}.", path_.string(), text && *text ? text : "bad data");
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  fs::path path_;
  gzFile file_;
};

constexpr std::size_t kTarBlock = 512;
// A long name or a pax header is a few hundred bytes.
constexpr std::uint64_t kMaxTarHeader = 1 << 20;

// The header of one file in a tar: POSIX.1-1988 ustar, which the later formats extend.
struct TarHeader {
  std::string name;
  std::uint64_t size = 0;
  char type = '0';
};

class TarReader {
 public:
  explicit TarReader(const fs::path& path) : path_(path), stream_(path) {}

  // False at the end of the archive.
  bool next(TarHeader& header) {
    std::array<char, kTarBlock> block;
    const std::size_t got = stream_.read(block.data(), block.size());
    // Archives end with two zero blocks; one that just stops between files is accepted, as GNU tar does.
    if (got == 0 || std::all_of(block.begin(), block.end(), [](char c) { return c == 0; })) return false;
    if (got < kTarBlock) bad("is truncated inside a header");
    check_sum(block);
    header.name = field(block, 0, 100);
    if (const std::string prefix = field(block, 345, 155);
        !prefix.empty() && field(block, 257, 5) == "ustar" && block[262] == '\0')
      header.name = prefix + "/" + header.name;
    header.size = octal(block, 124, 12);
    header.type = block[156];
    return true;
  }

  // The data of the file whose header was read last.
  std::string content(const TarHeader& header, std::uint64_t max_bytes) {
    if (header.size > max_bytes)
      fail("tar", "{}:{} is too large. Expected at most {} bytes. Got {}.", path_.string(), header.name, max_bytes,
           header.size);
    std::string content(static_cast<std::size_t>(header.size), '\0');
    if (stream_.read(content.data(), content.size()) != content.size()) bad("is truncated inside " + header.name);
    skip_bytes(padding(header.size), header.name);
    return content;
  }
  void skip(const TarHeader& header) { skip_bytes(header.size + padding(header.size), header.name); }

 private:
  using Block = std::array<char, kTarBlock>;
  [[noreturn]] void bad(std::string_view what) const { fail("tar", "{} {}.", path_.string(), what); }
  static std::uint64_t padding(std::uint64_t size) { return (kTarBlock - size % kTarBlock) % kTarBlock; }
  static std::string field(const Block& block, std::size_t begin, std::size_t length) {
    const char* text = block.data() + begin;
    return {text, ::strnlen(text, length)};
  }
  std::uint64_t octal(const Block& block, std::size_t begin, std::size_t length) const {
    std::uint64_t value = 0;
    for (const char c : field(block, begin, length)) {
      if (c == ' ') continue;
      if (c < '0' || c > '7') bad("has a damaged header (a number is not octal)");
      value = value * 8 + static_cast<std::uint64_t>(c - '0');  // at most 12 digits: 36 bits
    }
    return value;
  }
  // The sum of the header's bytes, its own eight counted as spaces.
  void check_sum(const Block& block) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < block.size(); ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
    if (sum != octal(block, 148, 8)) bad("has a damaged header, or is not a tar archive");
  }
  void skip_bytes(std::uint64_t count, const std::string& name) {
    std::array<char, 1 << 15> block;
    while (count > 0) {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(count, block.size()));
      if (stream_.read(block.data(), part) != part) bad("is truncated inside " + name);
      count -= part;
    }
  }

  fs::path path_;
  GzipStream stream_;
};

}  // namespace

std::string read_gzip(const fs::path& path, std::uint64_t max_bytes) {
  GzipStream stream(path);
  std::string content;
  std::array<char, 1 << 16> block;
  while (const std::size_t got = stream.read(block.data(), block.size())) {
    content.append(block.data(), got);
    if (content.size() > max_bytes) fail("gzip", "{} holds more than {} bytes.", path.string(), max_bytes);
  }
  return content;
}

void read_tar_gz(const fs::path& path, const TarVisitor& visitor) {
  TarReader tar(path);
  TarHeader header;
  std::string long_name;
  while (tar.next(header)) {
    if (header.type == 'L') {  // GNU: the data are the name of the next file
      long_name = tar.content(header, kMaxTarHeader).c_str();
      continue;
    }
    if (!long_name.empty()) header.name = std::exchange(long_name, {});
    const bool regular = header.type == '0' || header.type == '\0';
    if (regular && visitor.wanted(header.name))
      visitor.take(header.name, tar.content(header, visitor.max_bytes));
    else
      tar.skip(header);
  }
}

}  // namespace tutti
