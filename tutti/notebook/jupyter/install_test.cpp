#include "tutti/notebook/jupyter/install.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/images.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

class InstallTest : public FolderTest {
 protected:
  const fs::path prefix = folder_ / "prefix";
};

TEST_F(InstallTest, WritesWhatJupyterReads) {
  const fs::path folder = prefix_kernel_folder(prefix);
  EXPECT_EQ(folder, prefix / "share/jupyter/kernels/tutti");
  install_kernel(folder, {"/opt/tutti", "{connection_file}"});
  const auto json = nlohmann::json::parse(read_file(folder / "kernel.json"));
  EXPECT_EQ(json["argv"], nlohmann::json({"/opt/tutti", "{connection_file}"}));
  EXPECT_EQ(json["display_name"], "C++20 (tutti)");
  EXPECT_EQ(json["language"], "cpp");
  EXPECT_EQ(json["interrupt_mode"], "signal");
  EXPECT_EQ(decode_image(read_file(folder / "logo-32x32.png"), "logo").shape(), Shape({32, 32, 3}));
  EXPECT_EQ(decode_image(read_file(folder / "logo-64x64.png"), "logo").shape(), Shape({64, 64, 3}));
  EXPECT_THAT(read_file(folder / "logo-svg.svg"), testing::StartsWith("<svg"));
  EXPECT_TRUE(uninstall_kernel(folder));
  EXPECT_FALSE(uninstall_kernel(folder));
}

TEST_F(InstallTest, RefusesWhatCannotWork) {
  EXPECT_THROW(install_kernel(prefix, {"/opt/tutti"}), Error);
  EXPECT_THROW(install_kernel("/proc/nowhere", {"a", "{connection_file}"}), Error);
  fs::create_directories(prefix);
  EXPECT_THROW(uninstall_kernel(prefix), Error);  // not a kernel's
}

}  // namespace
}  // namespace tutti
