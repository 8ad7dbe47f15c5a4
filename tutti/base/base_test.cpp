#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/temporary_folder.h"
#include "tutti/base/base64.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/html.h"
#include "tutti/base/parallel.h"
#include "tutti/base/philox.h"

namespace tutti {
namespace {

TEST(EscapeHtml, LeavesNothingThatAPageWouldTakeForItsOwn) {
  EXPECT_EQ(escape_html("<a href=\"x\">&</a>"), "&lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;");
  EXPECT_EQ(escape_html(std::string_view("a\0b\x1b[1m\x7f", 8)), "a\uFFFDb\uFFFD[1m\uFFFD");
  EXPECT_EQ(escape_html("\u0085\u009f"), "\uFFFD\uFFFD");
  EXPECT_EQ(escape_html("tab\tline\r\n, Äµ\u00a0–ß"), "tab\tline\r\n, Äµ\u00a0–ß");
}

// Known answers of Random123's kat_vectors file.
TEST(Philox, MatchesTheAuthorsVectors) {
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, NormalsHaveMeanZeroAndVarianceOne) {
  const Philox random(7, 3);
  double sum = 0, squares = 0;
  constexpr int kCount = 100000;
  for (int i = 0; i < kCount; ++i) {
    const double value = random.normal(static_cast<std::uint64_t>(i));
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kCount, 0.0, 0.02);
  EXPECT_NEAR(squares / kCount, 1.0, 0.02);
}

TEST(ParallelFor, CoversTheRangeOnceForAnyThreadCount) {
  const int before = num_threads();
  for (const int threads : {1, 2, 3, 7}) {
    set_num_threads(threads);
    for (const int count : {0, 1, 2, 5, 1000}) {
      std::vector<std::atomic<int>> hits(static_cast<std::size_t>(count));
      parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = begin; i < end; ++i) hits[static_cast<std::size_t>(i)]++;
      });
      for (const auto& hit : hits) ASSERT_EQ(hit, 1);
    }
  }
  set_num_threads(before);
}

// The thread that has the first range waits for all others, so somebody else must run its other ranges.
TEST(ParallelFor, OtherThreadsTakeWhatOneThatIsHeldUpLeaves) {
  const int before = num_threads();
  set_num_threads(2);
  std::atomic<int> done{0};
  bool all_others_ran = false;
  parallel_for(0, 800, 100, [&](std::int64_t begin, std::int64_t) {
    if (begin > 0) {
      ++done;
      return;
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (done < 7 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    all_others_ran = done == 7;
  });
  EXPECT_TRUE(all_others_ran);
  set_num_threads(before);
}

TEST(ParallelFor, RethrowsAndRunsNestedLoops) {
  EXPECT_THROW(parallel_for(0, 8, 1, [](std::int64_t, std::int64_t) { throw std::runtime_error("x"); }), std::runtime_error);
  std::atomic<int> sum{0};
  parallel_for(0, 4, 1, [&](std::int64_t begin, std::int64_t end) {
    parallel_for(begin, end, 1, [&](std::int64_t b, std::int64_t e) { sum += static_cast<int>(e - b); });
  });
  EXPECT_EQ(sum, 4);
}

TEST(Files, AreWholeOrAbsent) {
  const TemporaryFolder temporary;
  const std::filesystem::path& folder = temporary.path();
  write_file_atomically(folder / "a" / "b.txt", "old");
  EXPECT_THROW(write_atomically(folder / "a" / "b.txt", [](const auto&) { fail("test", "disk full"); }), Error);
  EXPECT_EQ(read_file(folder / "a" / "b.txt"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "a"), {}), 1);
  EXPECT_FALSE(create_file_atomically(folder / "a" / "b.txt", "new"));
  EXPECT_EQ(read_file(folder / "a" / "b.txt"), "old");
  EXPECT_TRUE(create_file_atomically(folder / "a" / "c.txt", "new"));
  EXPECT_EQ(read_file(folder / "a" / "c.txt"), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "a"), {}), 2);
  EXPECT_THROW(read_file(folder / "missing"), Error);
  EXPECT_THROW(read_file(folder), Error);
}

// The vectors of RFC 4648, section 10.
TEST(Base64, MatchesTheRfc) {
  const std::vector<std::pair<std::string, std::string>> vectors = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) EXPECT_EQ(base64(bytes), text);
  EXPECT_EQ(base64(std::string("\xFF\xFE\x00", 3)), "//4A");
}

TEST(Hexadecimal, HasTwoDigitsAByte) {
  EXPECT_EQ(hexadecimal({}), "");
  EXPECT_EQ(hexadecimal(std::vector<unsigned char>{0x00, 0x0a, 0xf9, 0xff}), "000af9ff");
}

}  // namespace
}  // namespace tutti
