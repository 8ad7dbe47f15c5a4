// Where tests find the large files that are beside the checkout, not in it.
#pragma once

#include <filesystem>
#include <string>

#include "tutti/base/files.h"

namespace tutti::testing {

// `name` under $TUTTI_SHARED, <checkout>/../shared or /work/shared, the first that has it; an empty path if none has.
inline std::filesystem::path shared_file(const std::string& name) {
  for (const std::filesystem::path& root :
       {std::filesystem::path(env("TUTTI_SHARED")), std::filesystem::path(TUTTI_SOURCE_DIR) / ".." / "shared",
        std::filesystem::path("/work/shared")}) {
    std::error_code code;
    if (!root.empty() && std::filesystem::exists(root / name, code)) return root / name;
  }
  return {};
}

}  // namespace tutti::testing
