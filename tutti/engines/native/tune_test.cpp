// The choice of a convolution's algorithm: the default, the measured one, and the file that keeps it.
#include "tutti/engines/native/tune.h"

#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/temporary_folder.h"
#include "tutti/base/files.h"
#include "tutti/engines/native/native.h"

namespace tutti {
namespace {

class TuningTest : public FolderTest {
 protected:
  void SetUp() override {
    setenv("XDG_CACHE_HOME", cache_.c_str(), 1);
    unsetenv("TUTTI_NATIVE_TUNE");
  }
  void TearDown() override {
    unsetenv("TUTTI_NATIVE_TUNE");
    unsetenv("TUTTI_NATIVE_PRECISION");
    before_.empty() ? unsetenv("XDG_CACHE_HOME") : setenv("XDG_CACHE_HOME", before_.c_str(), 1);
  }
  const std::string before_ = env("XDG_CACHE_HOME");
  // By the default a direct sum: too few tiles.
  const TensorType x_{DType::kFloat32, {1, 8, 8, 16}}, kernel_{DType::kFloat32, {3, 3, 16, 16}};
  const OpCall call_{op::Conv2D{{.padding = {1, 1, 1, 1}}}, {x_, kernel_}, {x_}};
  const std::filesystem::path cache_ = folder_ / "cache";
  const std::filesystem::path file_ = cache_ / "tutti/native-tuning.json";
};

TEST_F(TuningTest, DefaultNeitherMeasuresNorReads) {
  for (const char* value : {"", "0"}) {
    setenv("TUTTI_NATIVE_TUNE", value, 1);
    EXPECT_EQ(native::choose_conv(call_), native::ConvAlgorithm::kDirectSum);
  }
  EXPECT_FALSE(std::filesystem::exists(cache_));
}

// What the file says is taken, not measured again: also what the measurement did not find, by a process that starts later.
TEST_F(TuningTest, ChoiceIsReread) {
  setenv("TUTTI_NATIVE_TUNE", "1", 1);
  const native::ConvAlgorithm choice = native::choose_conv(call_);
  const bool direct = choice == native::ConvAlgorithm::kDirectSum;
  const auto other = direct ? native::ConvAlgorithm::kWinograd4x4 : native::ConvAlgorithm::kDirectSum;
  std::string text = read_file(file_);
  const std::string name(native::conv_name(choice)), quoted = fmt::format(": \"{}\"", name);
  ASSERT_NE(text.find(quoted), std::string::npos) << text;
  text.replace(text.find(quoted), quoted.size(), fmt::format(": \"{}\"", native::conv_name(other)));
  write_file_atomically(file_, text);
  EXPECT_EQ(native::choose_conv(call_), choice) << "remembered in the process";
  setenv("XDG_CACHE_HOME", (folder_ / "elsewhere").c_str(), 1);
  write_file_atomically(folder_ / "elsewhere/tutti/native-tuning.json", text);
  EXPECT_EQ(native::choose_conv(call_), other);
  EXPECT_EQ(make_native_engine()->prepare(call_).kernel->algorithm(), native::conv_name(other));
  setenv("TUTTI_NATIVE_PRECISION", "strict", 1);
  EXPECT_EQ(native::choose_conv(call_), native::ConvAlgorithm::kDirectSum);
}

TEST_F(TuningTest, BrokenFilesAreSurvived) {
  setenv("TUTTI_NATIVE_TUNE", "1", 1);
  int number = 0;
  for (const std::string& text : {std::string(), std::string("{\"choices\": {\"a\""), std::string("[1, 2]"),
                                  std::string("{\"choices\": {\"a\": 3}}"), std::string("\x00\xff", 2)}) {
    const auto folder = folder_ / std::to_string(number++);
    write_file_atomically(folder / "tutti/native-tuning.json", text);
    setenv("XDG_CACHE_HOME", folder.c_str(), 1);
    EXPECT_NO_THROW(native::choose_conv(call_)) << text;
    EXPECT_NE(read_file(folder / "tutti/native-tuning.json").find("Conv2D"), std::string::npos) << text;
  }
  // Not a folder, so nothing can be written below it.
  setenv("XDG_CACHE_HOME", (folder_ / "0/tutti/native-tuning.json").c_str(), 1);
  const native::ConvAlgorithm choice = native::choose_conv(call_);
  EXPECT_EQ(native::choose_conv(call_), choice);
}

TEST_F(TuningTest, CacheKeepsWhatOthersWrote) {
  native::TuningCache ours(file_), theirs(file_);
  ours.put("a", "direct");
  theirs.put("b", "GEMM");
  const native::TuningCache later(file_);
  EXPECT_EQ(later.find("a"), "direct");
  EXPECT_EQ(later.find("b"), "GEMM");
  EXPECT_FALSE(later.find("c"));
  theirs.put("a", "GEMM");  // too late
  EXPECT_EQ(theirs.find("a"), "direct");
  EXPECT_EQ(native::TuningCache(file_).find("a"), "direct");
}

}  // namespace
}  // namespace tutti
