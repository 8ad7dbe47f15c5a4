// The golden cases that the tests of this folder go through.
#pragma once

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "tests/shared_data.h"

namespace tutti::testing {

struct GoldenCase {
  std::string name;  // "k2_2_0_5_bn_cnn"
  std::filesystem::path folder;
};
inline void PrintTo(const GoldenCase& golden, std::ostream* out) { *out << golden.name; }

// All of ../shared/golden where it is at hand, else those of tests/golden/keras.
inline std::vector<GoldenCase> golden_cases() {
  std::filesystem::path root = shared_file("golden");
  if (root.empty()) root = std::filesystem::path(TUTTI_SOURCE_DIR) / "tests/golden/keras";
  std::vector<GoldenCase> cases;
  for (const char* keras : {"k2_2.0.5", "k2_2.3.1", "k3"}) {
    if (!std::filesystem::exists(root / keras)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(root / keras)) {
      std::string name = std::string(keras) + "_" + entry.path().filename().string();
      std::ranges::replace(name, '.', '_');
      cases.push_back({std::move(name), entry.path()});
    }
  }
  std::ranges::sort(cases, {}, &GoldenCase::name);
  return cases;
}

}  // namespace tutti::testing
