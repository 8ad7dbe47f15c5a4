#include "tutti/engines/engines.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/plugins.h"
#include "tutti/engines/plugins.h"

namespace tutti {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// An environment variable for the length of a test.
class ScopedEnv {
 public:
  ScopedEnv(const char* name, const char* value) : name_(name) {
    if (const char* const old = std::getenv(name)) old_ = old;
    set(value);
  }
  ~ScopedEnv() { set(old_ ? old_->c_str() : nullptr); }
  ScopedEnv(const ScopedEnv&) = delete;
  ScopedEnv& operator=(const ScopedEnv&) = delete;

 private:
  void set(const char* value) { value ? setenv(name_, value, 1) : unsetenv(name_); }
  const char* name_;
  std::optional<std::string> old_;
};

std::string error_of(std::string_view name, std::string_view device = "") {
  try {
    make_engine(name, device);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Engines, ListsAllBestFirst) {
  const std::vector<EngineInfo> engines = list_engines();
  std::vector<std::string> names;
  for (const EngineInfo& info : engines) {
    names.push_back(info.name);
    if (info.available)
      EXPECT_THAT(info.devices, testing::Contains("cpu")) << info.name;
    else
      EXPECT_FALSE(info.reason.empty()) << info.name;
  }
  EXPECT_THAT(names, testing::ElementsAre("native", "onednn", "torch", "reference"));
  EXPECT_TRUE(engines.front().available);
  EXPECT_TRUE(engines.back().available);
}

TEST(Engines, MakesByNameOrByEnvironment) {
  const ScopedEnv no_engine("TUTTI_ENGINE", nullptr), no_device("TUTTI_DEVICE", nullptr);
  EXPECT_EQ(make_engine("reference")->name(), "reference");
  EXPECT_EQ(make_engine()->name(), "native");
  EXPECT_EQ(make_engine()->device(), "cpu");
  const ScopedEnv engine("TUTTI_ENGINE", "reference");
  EXPECT_EQ(make_engine()->name(), "reference");
  EXPECT_EQ(make_engine("native", "cpu")->name(), "native");
  const ScopedEnv device("TUTTI_DEVICE", "cuda:1");
  EXPECT_THAT(error_of(""), HasSubstr("reference runs on the CPU only. Expected device cpu. Got cuda:1."));
}

TEST(Engines, SaysWhatIsWrong) {
  EXPECT_THAT(error_of("tensorflow"),
              AllOf(HasSubstr("unknown engine"), HasSubstr("native"), HasSubstr("reference"), HasSubstr("Got tensorflow.")));
  for (const char* device : {"gpu", "cuda:", "cuda:-1", "cuda:1x", "CPU", "cuda:12345"})
    EXPECT_THAT(error_of("native", device), HasSubstr("Expected cpu, cuda or cuda:N")) << device;
}

TEST(Plugins, SearchesThePathThenBesideTheLibrary) {
  const ScopedEnv path("TUTTI_PLUGIN_PATH", "/first::/second");
  const std::vector<std::filesystem::path> folders = plugin_folders();
  ASSERT_GE(folders.size(), 4u);
  EXPECT_EQ(folders[0], "/first");
  EXPECT_EQ(folders[1], "/second");
  EXPECT_TRUE(std::filesystem::exists(folders[2] / "libtutti.so") || std::filesystem::exists(folders[2] / "libtutti.so.0"));
  EXPECT_EQ(folders[3], folders[2] / "tutti");
}

TEST(Plugins, AMissingOneNamesThePackageAndThePlaces) {
  const ScopedEnv path("TUTTI_PLUGIN_PATH", "/nowhere");
  const LoadedPlugin loaded = load_plugin("no_such_engine", "libwhatever1");
  EXPECT_EQ(loaded.plugin, nullptr);
  EXPECT_THAT(loaded.reason, AllOf(HasSubstr("libtutti_no_such_engine.so"), HasSubstr("/nowhere"), HasSubstr("libwhatever1"),
                                   HasSubstr("TUTTI_PLUGIN_PATH")));
}

TEST(Plugins, ABrokenFileIsAReasonNotACrash) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "libtutti_broken.so") << "this is no shared object";
  const ScopedEnv path("TUTTI_PLUGIN_PATH", folder.path().c_str());
  const LoadedPlugin loaded = load_plugin("broken", "libwhatever1");
  EXPECT_EQ(loaded.plugin, nullptr);
  EXPECT_THAT(loaded.reason, AllOf(HasSubstr("libtutti_broken.so can not be loaded"), HasSubstr("apt install libwhatever1")));
}

TEST(Plugins, ALibraryThatIsNoEngineIsRefused) {
  const std::vector<std::filesystem::path> folders = plugin_folders();
  std::filesystem::path library;
  for (const auto& folder : folders)
    if (std::filesystem::exists(folder / "libtutti.so")) library = folder / "libtutti.so";
  ASSERT_FALSE(library.empty());
  const TemporaryFolder folder;
  std::filesystem::create_symlink(library, folder.path() / "libtutti_itself.so");
  const ScopedEnv path("TUTTI_PLUGIN_PATH", folder.path().c_str());
  EXPECT_THAT(load_plugin("itself", "").reason, HasSubstr("it does not export tutti_engine_plugin"));
}

TEST(Plugins, AnotherVersionIsRefused) {
  const auto info = []() -> EngineInfo { return {}; };
  const auto make = [](std::string_view) -> std::shared_ptr<Engine> { return nullptr; };
  const EnginePlugin good{kPluginVersion, info, make}, old{kPluginVersion - 1, info, make},
      empty{kPluginVersion, info, nullptr};
  EXPECT_EQ(plugin_mismatch(&good), "");
  EXPECT_THAT(plugin_mismatch(&old),
              HasSubstr(fmt::format("Expected plug-in version {}. Got {}.", kPluginVersion, kPluginVersion - 1)));
  EXPECT_THAT(plugin_mismatch(&empty), HasSubstr("not complete"));
  EXPECT_THAT(plugin_mismatch(nullptr), HasSubstr("gave no plug-in"));
}

}  // namespace
}  // namespace tutti
