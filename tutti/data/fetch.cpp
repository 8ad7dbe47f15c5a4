#include "tutti/data/fetch.h"

#include <curl/curl.h>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>

#include "tutti/base/base64.h"
#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using FilePtr = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
using Clock = std::chrono::steady_clock;

// A live line a tenth of a second, as other progress bars; elsewhere only the start and the end are told.
class Progress {
 public:
  Progress(std::string file, bool wanted)
      : file_(std::move(file)), wanted_(wanted), live_(wanted && display().is_interactive()) {}

  void update(double done, double total) {
    if (!live_ || Clock::now() - last_ < std::chrono::milliseconds(100)) return;
    last_ = Clock::now();
    constexpr double kMegabyte = 1e6;
    std::string line = fmt::format("{}: {:.1f} MB", file_, done / kMegabyte);
    if (total > 0) {
      constexpr int kWidth = 30;
      const int full = static_cast<int>(done / total * kWidth);
      line = fmt::format("{} [{:=<{}}{:.<{}}] {:.1f}/{:.1f} MB", file_, "", full, "", kWidth - full, done / kMegabyte,
                         total / kMegabyte);
    }
    display().live("download", line);
  }
  void tell(const std::string& text) const {
    if (!wanted_) return;
    if (live_)
      display().live("download", text);
    else
      display().text(text + "\n");
  }
  void end(const std::string& text) const {
    tell(text);
    if (live_) display().text("\n");
  }

 private:
  std::string file_;
  bool wanted_, live_;
  Clock::time_point last_{};
};

struct Transfer {
  Progress* progress;
  std::FILE* file;
  double offset;
};

std::size_t on_data(char* data, std::size_t size, std::size_t count, void* user) {
  return std::fwrite(data, size, count, static_cast<Transfer*>(user)->file) * size;
}

int on_progress(void* user, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
  const auto* transfer = static_cast<Transfer*>(user);
  transfer->progress->update(transfer->offset + static_cast<double>(now),
                             total > 0 ? transfer->offset + static_cast<double>(total) : 0);
  return interrupted() ? 1 : 0;
}

struct Outcome {
  std::string refusal;         // empty if the transfer ended well
  bool cannot_resume = false;  // the server cannot continue at the place where the .part ends
};

// Continues `part` from `url`.
Outcome transfer(const std::string& url, const fs::path& part, Progress& progress) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  const FilePtr file(std::fopen(part.c_str(), "ab"), std::fclose);
  if (!file) fail("download", "cannot write {}: {}.", part.string(), std::strerror(errno));
  const auto offset = static_cast<curl_off_t>(fs::file_size(part));
  Transfer state{&progress, file.get(), static_cast<double>(offset)};
  std::array<char, CURL_ERROR_SIZE> text{};
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, text.data());
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 20L);
  // A stalled server ends as an error, and the next try continues.
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 100L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, 30L);
  curl_easy_setopt(curl.get(), CURLOPT_RESUME_FROM_LARGE, offset);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &state);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &state);
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "tutti");
  const CURLcode code = curl_easy_perform(curl.get());
  if (std::fflush(file.get()) != 0) fail("download", "cannot write {}: {}.", part.string(), std::strerror(errno));
  if (code == CURLE_OK) return {};
  check_interrupt();
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  constexpr long kRangeNotSatisfiable = 416;
  return {text[0] ? text.data() : curl_easy_strerror(code),
          offset > 0 && (code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME || status == kRangeNotSatisfiable)};
}

// Moves a complete .part to its name.
bool finish(const Download& download, const fs::path& part) {
  std::error_code code;
  if (!fs::exists(part, code) || md5_of_file(part) != download.md5) return false;
  const fs::path file = part.parent_path() / download.file;
  fs::rename(part, file, code);
  if (code) fail("download", "cannot write {}: {}.", file.string(), code.message());
  return true;
}

// An empty string, or why `url` did not give the file. What a broken connection left in .part stays for the next try.
std::string download_from(const std::string& url, const Download& download, const fs::path& part, Progress& progress) {
  std::error_code code;
  // Twice: a .part that cannot be continued, or that turns out to be of something else, is replaced once.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const bool resumed = fs::exists(part, code) && fs::file_size(part, code) > 0;
    const Outcome outcome = transfer(url, part, progress);
    if (outcome.refusal.empty() && finish(download, part)) return {};
    if (!outcome.refusal.empty() && !outcome.cannot_resume) {
      if (fs::file_size(part, code) == 0) fs::remove(part, code);
      return outcome.refusal;
    }
    fs::remove(part, code);
    if (!resumed) break;
  }
  return "its checksum is wrong";
}

}  // namespace

void fetch(const Download& download, const fs::path& folder, bool progress) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) fail("download", "cannot create folder {}: {}.", folder.string(), code.message());
  const fs::path part = folder / (download.file + ".part");
  if (finish(download, part)) return;
  Progress bar(download.file, progress);
  std::string refusal;
  for (const std::string& url : download.urls) {
    bar.tell(fmt::format("Downloading {} to {}", url, folder.string()));
    refusal = download_from(url, download, part, bar);
    if (refusal.empty()) return bar.end(fmt::format("{} is downloaded, checksum verified.", download.file));
  }
  fail("download", "{} cannot be downloaded ({}). Put that file into {}; it is published at {}.", download.file, refusal,
       folder.string(), download.urls.front());
}

std::vector<fs::path> data_folders(const datasets::Options& options) {
  std::vector<fs::path> folders;
  if (!options.dir.empty()) folders.push_back(options.dir);
  if (const std::string data = env("TUTTI_DATA"); !data.empty()) folders.emplace_back(data);
  folders.push_back(cache_dir());
  const fs::path keras = env("KERAS_HOME", (fs::path(env("HOME", "/")) / ".keras").string());
  folders.push_back(keras / "datasets");
  return folders;
}

fs::path download_folder(const datasets::Options& options) { return data_folders(options).front(); }

std::string md5_of_file(const fs::path& path) {
  const FilePtr file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) fail("download", "cannot open {}: {}.", path.string(), std::strerror(errno));
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr);
  std::array<unsigned char, 1 << 16> block;
  while (const std::size_t got = std::fread(block.data(), 1, block.size(), file.get()))
    EVP_DigestUpdate(context.get(), block.data(), got);
  if (std::ferror(file.get())) fail("download", "cannot read {}.", path.string());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &size);
  return hexadecimal({digest.data(), size});
}

}  // namespace tutti
