// Files that are whole or absent.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace tutti {

// The file's bytes. Error if it cannot be read or is larger than max_bytes.
std::string read_file(const std::filesystem::path& path, std::size_t max_bytes = std::size_t{1} << 32);

// Writes aside (same folder), flushes to the disk, renames: a reader sees the old file or the new one.
// Creates parent folders. Error (disk full, no permission) leaves the old file as it was.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// The same, unless there is a file of this name, which then stays: false. Of several processes one makes it, also on NFS.
bool create_file_atomically(const std::filesystem::path& path, std::string_view content);

// As write_file_atomically() for a writer that wants a file name (HDF5, gnuplot): write(temporary path), then flush and rename.
void write_atomically(const std::filesystem::path& path, const std::function<void(const std::filesystem::path&)>& write);

// $XDG_CACHE_HOME/tutti or ~/.cache/tutti; not created.
std::filesystem::path cache_dir();
// This machine's name; a Pod's in a Pod.
std::string host_name();
// The value of an environment variable, or `fallback` when unset or empty.
std::string env(const char* name, std::string_view fallback = "");

}  // namespace tutti
