// Files that are made from others (compiled scripts, precompiled headers), kept for as long as those stay as they were.
//
//   <folder>/<key>           first line: the name of the made file beside it; then "SIZE NANOSECONDS PATH" for each source
//   <folder>/<key>-<unique>  the made file
//
// The first is replaced whole, so that the two belong together whoever else makes the same one now.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tutti {

// The made file of that key, if there is one and its sources are unchanged.
std::optional<std::filesystem::path> find_made(const std::filesystem::path& folder, const std::string& key);

// Calls write(path) and keeps what it wrote. Of other keys the `keep` that were used last stay. Error if it cannot be written.
std::filesystem::path keep_made(const std::filesystem::path& folder, const std::string& key,
                                const std::vector<std::filesystem::path>& sources,
                                const std::function<void(const std::filesystem::path&)>& write, std::size_t keep);

// A key of any text: 32 hexadecimal digits.
std::string key_of(const std::string& text);

}  // namespace tutti
