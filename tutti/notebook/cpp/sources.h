// Which files a compilation read.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <clang/Frontend/Utils.h>

namespace tutti {

class SourceCollector : public clang::DependencyCollector {
 public:
  bool sawDependency(llvm::StringRef file, bool, bool, bool is_module_file, bool is_missing) override {
    if (!is_module_file && !is_missing && !file.starts_with("<")) files_.insert(file.str());
    return false;
  }
  bool needSystemDependencies() override { return true; }
  // That exist; a text that was given in the place of a file is none.
  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> existing;
    std::error_code code;
    for (const std::string& file : files_)
      if (std::filesystem::is_regular_file(file, code)) existing.push_back(std::filesystem::absolute(file));
    return existing;
  }

 private:
  std::set<std::string> files_;
};

}  // namespace tutti
