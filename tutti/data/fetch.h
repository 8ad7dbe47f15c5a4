// Finding and downloading the files of known data sets.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tutti/data/datasets.h"

namespace tutti {

struct Download {
  std::string file;               // its name on the disk
  std::string md5;                // lower-case hex, as its author publishes it
  std::vector<std::string> urls;  // tried in this order
};

// Makes folder/file: downloads to "<file>.part" (continuing one that is there), checks the sum, renames. Error if no URL
// works, with one line that says which file to put where; Interrupted if the interrupt flag is set, the .part is kept.
void fetch(const Download& download, const std::filesystem::path& folder, bool progress);

// The folders to look in, those that exist or not: options.dir, $TUTTI_DATA, cache_dir(), ~/.keras/datasets.
std::vector<std::filesystem::path> data_folders(const datasets::Options& options);
// Where a download goes.
std::filesystem::path download_folder(const datasets::Options& options);

// Lower-case hex. Error if the file cannot be read.
std::string md5_of_file(const std::filesystem::path& path);

}  // namespace tutti
