#include "tutti/notebook/cpp/precompiled_header.h"

#include <clang/Frontend/FrontendActions.h>
#include <clang/Frontend/Utils.h>
#include <llvm/Support/raw_ostream.h>
#include <unistd.h>

#include <chrono>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/log.h"
#include "tutti/notebook/cpp/sources.h"
#include "tutti/notebook/made_file.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

constexpr const char* kUsualHeaders = R"(#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
#include <tutti/tutti.h>
#include <tutti/notebook/show_value.h>
)";

// Kinds, flags and versions: a few are in use at a time, of some 20 MB each.
constexpr std::size_t kKept = 4;

// Where an image, or whoever installs tutti for all users, puts them: XDG_CACHE_HOME=/var/cache tutti kernel install.
constexpr const char* kOfAllUsers = "/var/cache/tutti/headers";

void make(SourceKind kind, const std::vector<std::string>& arguments, const fs::path& source, const fs::path& out,
          std::vector<fs::path>& headers) {
  std::vector<std::string> all = arguments;
  // Templates that the header itself uses are compiled into it, not into every source.
  all.insert(all.end(), {"-Xclang", "-fpch-instantiate-templates", "-x", "c++-header", source.string()});
  std::string words;
  llvm::raw_string_ostream stream(words);
  const auto compiler = make_compiler(all, stream, false);
  compiler->getFrontendOpts().OutputFile = out.string();
  const auto collector = std::make_shared<SourceCollector>();
  compiler->addDependencyCollector(collector);
  clang::GeneratePCHAction action;
  if (!compiler->ExecuteAction(action) || compiler->getDiagnostics().hasErrorOccurred()) fail("compiler", "{}", words);
  headers = collector->files();
}

}  // namespace

const char* precompiled_text() { return kUsualHeaders; }

std::optional<fs::path> precompiled_header(SourceKind kind, const std::vector<std::string>& arguments) {
  const fs::path folder = cache_dir() / "headers";
  const std::string key = key_of(fmt::format("{} {}\n{}", compiler_version(), fmt::join(arguments, " "), precompiled_text()));
  for (const fs::path& place : {folder, fs::path(kOfAllUsers)})
    if (auto made = find_made(place, key)) return made;
  try {
    log_info("preparing tutti's headers, once");
    if (::isatty(STDERR_FILENO)) fmt::print(stderr, "preparing tutti's headers, once: some seconds\n");
    const std::string text = precompiled_text();
    // Named in the precompiled header's tables, where clang looks for it again.
    const fs::path source = folder / fmt::format("{}.h", key_of(text).substr(0, 8));
    std::error_code code;
    if (!fs::exists(source, code) || read_file(source) != text) {
      write_file_atomically(source, text);
      // Layers of images keep times in seconds, and a file of another time would be another file.
      fs::last_write_time(source, std::chrono::floor<std::chrono::seconds>(fs::file_time_type::clock::now()));
    }
    const fs::path aside = folder / fmt::format(".{}-{}", key, ::getpid());
    std::vector<fs::path> headers;
    make(kind, arguments, source, aside, headers);
    return keep_made(
        folder, key, headers, [&](const fs::path& file) { fs::rename(aside, file); }, kKept);
  } catch (const std::exception& error) {
    log_warning("no precompiled header: {}", error.what());
    return {};
  }
}

}  // namespace tutti
