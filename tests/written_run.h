// A run whose members are written by hand: native-1 and torch-1, two classes, four validation and two test images.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tutti/base/files.h"
#include "tutti/data/npy.h"
#include "tutti/experiment/store.h"

namespace tutti {

inline RunFolder write_test_run(const std::filesystem::path& folder, const std::string& more = "") {
  write_file_atomically(folder / "spec.yaml",
                        "name: e\nmodel: m.yaml\ndata: shapes\nmembers: {engine: [native, torch], seed: [1]}\n" + more);
  write_file_atomically(folder / "environment.json", "{}");
  return RunFolder(folder);
}

// The member is done. `sure`: the probability that it gives the first class on each validation image.
inline void write_test_member(const RunFolder& run, const std::string& member, const std::vector<float>& sure,
                              const std::vector<std::int32_t>& labels = {0, 0, 0, 0}) {
  const MemberFolder folder = run.member(member);
  Tensor validation({4, 2}), y({4}, DType::kInt32);
  for (std::size_t i = 0; i < 4; ++i) {
    validation.data<float>()[2 * i] = sure[i];
    validation.data<float>()[2 * i + 1] = 1 - sure[i];
    y.data<std::int32_t>()[i] = labels[i];
  }
  write_file_atomically(folder.path() / "validation.npy", to_npy(validation));
  write_file_atomically(folder.path() / "validation_labels.npy", to_npy(y));
  write_file_atomically(folder.path() / "test.npy", to_npy(validation.rows(0, 2)));
  write_file_atomically(folder.path() / "test_labels.npy", to_npy(Tensor({2}, DType::kInt32)));
  folder.write_result({.name = member, .engine = member.substr(0, member.find('-'))});
  folder.write_status({.state = MemberState::kDone});
}
inline void write_test_member(const RunFolder& run, const std::string& member, float sure) {
  write_test_member(run, member, std::vector<float>(4, sure));
}

}  // namespace tutti
