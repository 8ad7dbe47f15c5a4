#include "tutti/notebook/made_file.h"

#include <gmock/gmock.h>

#include "tests/temporary_folder.h"
#include "tutti/base/files.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

class MadeFile : public FolderTest {
 protected:
  fs::path make(const std::string& key, const std::string& text, const std::vector<fs::path>& sources, std::size_t keep = 10) {
    return keep_made(
        folder_ / "made", key_of(key), sources, [&](const fs::path& file) { write_file_atomically(file, text); }, keep);
  }
  std::optional<fs::path> find(const std::string& key) { return find_made(folder_ / "made", key_of(key)); }
};

TEST_F(MadeFile, IsFoundWhileItsSourcesAreAsTheyWere) {
  const fs::path source = folder_ / "a source.h";
  write_file_atomically(source, "1");
  EXPECT_FALSE(find("key"));
  make("key", "made of 1", {source});
  ASSERT_TRUE(find("key"));
  EXPECT_EQ(read_file(*find("key")), "made of 1");
  EXPECT_FALSE(find("another key"));
  write_file_atomically(source, "22");
  EXPECT_FALSE(find("key"));
  make("key", "made of 22", {source});
  EXPECT_EQ(read_file(find("key").value()), "made of 22");
  fs::remove(source);
  EXPECT_FALSE(find("key"));
}

TEST_F(MadeFile, KeepsThoseThatWereUsedLast) {
  const auto file = make("old", "old", {});
  make("middle", "middle", {}, 2);
  fs::last_write_time(folder_ / "made" / key_of("old"), fs::file_time_type::clock::now() - std::chrono::hours(2));
  fs::last_write_time(folder_ / "made" / key_of("middle"), fs::file_time_type::clock::now() - std::chrono::hours(1));
  ASSERT_TRUE(find("old"));  // used now
  make("new", "new", {}, 2);
  EXPECT_TRUE(find("old"));
  EXPECT_TRUE(find("new"));
  EXPECT_FALSE(find("middle"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "made"), {}), 4);
}

TEST_F(MadeFile, OfADamagedIndexIsMadeAgain) {
  const auto file = make("key", "x", {});
  write_file_atomically(folder_ / "made" / key_of("key"), "no such file\n");
  EXPECT_FALSE(find("key"));
  write_file_atomically(folder_ / "made" / key_of("key"), "");
  EXPECT_FALSE(find("key"));
}

}  // namespace
}  // namespace tutti
