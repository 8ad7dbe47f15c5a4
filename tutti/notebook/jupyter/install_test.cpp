#include "tutti/notebook/jupyter/install.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/images.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

class InstallTest : public ::testing::Test {
 protected:
  ~InstallTest() override { fs::remove_all(prefix); }
  fs::path prefix = fs::temp_directory_path() / ("tutti-install-" + std::to_string(::getpid()));
};

TEST_F(InstallTest, WritesWhatJupyterReads) {
  const fs::path folder = prefix_kernel_folder(prefix);
  EXPECT_EQ(folder, prefix / "share/jupyter/kernels/tutti");
  install_kernel(folder, {.argv = {"/opt/tutti", "{connection_file}"}, .environment = {{"A", "b"}}});
  const auto json = nlohmann::json::parse(read_file(folder / "kernel.json"));
  EXPECT_EQ(json["argv"], nlohmann::json({"/opt/tutti", "{connection_file}"}));
  EXPECT_EQ(json["display_name"], "C++20 (tutti)");
  EXPECT_EQ(json["language"], "cpp");
  EXPECT_EQ(json["interrupt_mode"], "signal");
  EXPECT_EQ(json["env"]["A"], "b");
  EXPECT_EQ(decode_image(read_file(folder / "logo-32x32.png"), "logo").shape(), Shape({32, 32, 3}));
  EXPECT_EQ(decode_image(read_file(folder / "logo-64x64.png"), "logo").shape(), Shape({64, 64, 3}));
  EXPECT_THAT(read_file(folder / "logo-svg.svg"), testing::StartsWith("<svg"));
  EXPECT_TRUE(uninstall_kernel(folder));
  EXPECT_FALSE(uninstall_kernel(folder));
}

TEST_F(InstallTest, RefusesWhatCannotWork) {
  EXPECT_THROW(install_kernel(prefix, {.argv = {"/opt/tutti"}}), Error);
  EXPECT_THROW(install_kernel("/proc/nowhere", {.argv = {"a", "{connection_file}"}}), Error);
  fs::create_directories(prefix);
  EXPECT_THROW(uninstall_kernel(prefix), Error);  // not a kernel's
}

}  // namespace
}  // namespace tutti
