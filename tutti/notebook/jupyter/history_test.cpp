#include "tutti/notebook/jupyter/history.h"

#include <fstream>

#include <gmock/gmock.h>

#include "tests/temporary_folder.h"

namespace tutti::jupyter {
namespace {

using ::testing::ElementsAre;

class HistoryTest : public FolderTest {
 protected:
  static std::vector<std::string> inputs(const std::vector<HistoryEntry>& entries) {
    std::vector<std::string> result;
    for (const HistoryEntry& entry : entries)
      result.push_back(std::to_string(entry.session) + "." + std::to_string(entry.line) + " " + entry.input);
    return result;
  }

  const std::filesystem::path file = folder_ / "deep" / "history";
};

TEST_F(HistoryTest, SessionsFollowEachOther) {
  {
    History first(file);
    first.add(1, "a");
    first.add(2, "b\nc \xff");
  }
  History second(file), third(file);
  second.add(1, "d");
  third.add(1, "e");
  EXPECT_THAT(inputs(second.tail(2)), ElementsAre("1.2 b\nc \uFFFD", "2.1 d"));
  EXPECT_THAT(inputs(third.range(0, 1, 0)), ElementsAre("3.1 e"));
  EXPECT_THAT(inputs(third.range(-1, 1, 0)), ElementsAre("2.1 d"));
  EXPECT_THAT(inputs(third.range(1, 1, 2)), ElementsAre("1.1 a"));
  EXPECT_THAT(third.tail(100).size(), 4u);
}

TEST_F(HistoryTest, SearchesWithPatterns) {
  History history(file);
  int line = 0;
  for (const char* input : {"int a;", "int b;", "a + b", "int a;"}) history.add(++line, input);
  EXPECT_THAT(inputs(history.search("int*", 10, false)), ElementsAre("1.1 int a;", "1.2 int b;", "1.4 int a;"));
  EXPECT_THAT(inputs(history.search("int ?;", 10, true)), ElementsAre("1.2 int b;", "1.4 int a;"));
  EXPECT_THAT(inputs(history.search("*", 1, false)), ElementsAre("1.4 int a;"));
}

TEST_F(HistoryTest, IsBounded) {
  for (int session = 0; session < 5; ++session) {
    History history(file, 10);
    for (int line = 1; line <= 20; ++line) history.add(line, "x");
  }
  History history(file, 10);
  EXPECT_EQ(history.tail(100).size(), 10u);
  EXPECT_LT(std::filesystem::file_size(file), 500u);
}

TEST_F(HistoryTest, ABadFileIsNoReasonToFail) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << "no json\n[1]\n[1,2,3]\n[7,1,\"good\"]\n{";
  History history(file);
  EXPECT_THAT(inputs(history.tail(5)), ElementsAre("7.1 good"));
  History nowhere("/proc/no/such/folder/history");
  nowhere.add(1, "a");
  EXPECT_THAT(inputs(nowhere.tail(5)), ElementsAre("1.1 a"));
}

}  // namespace
}  // namespace tutti::jupyter
