#include "tutti/notebook/jupyter/utf8.h"

#include <gmock/gmock.h>

namespace tutti::jupyter {
namespace {

TEST(Utf8, PositionsAreCodePointsThere) {
  const std::string text = "aé€😀b";  // 1, 2, 3, 4, 1 bytes
  EXPECT_EQ(byte_position(text, 0), 0u);
  EXPECT_EQ(byte_position(text, 2), 3u);
  EXPECT_EQ(byte_position(text, 4), 10u);
  EXPECT_EQ(byte_position(text, 5), 11u);
  EXPECT_EQ(byte_position(text, 99), 11u);
  for (std::size_t i = 0; i <= 5; ++i) EXPECT_EQ(code_point_position(text, byte_position(text, i)), i);
  EXPECT_EQ(code_point_position(text, 99), 5u);
}

TEST(Utf8, TornCharactersWaitForTheirRest) {
  const std::string text = "é€😀";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8Stream stream;
    const std::string first = stream.take(text.substr(0, cut));
    EXPECT_EQ(first + stream.take(text.substr(cut)), text);
    EXPECT_EQ(stream.take("x"), "x");
  }
}

TEST(Utf8, WhatIsNoCharacterIsReplaced) {
  Utf8Stream stream;
  EXPECT_EQ(stream.take("a\xff"
                        "b"),
            "a\uFFFDb");
  EXPECT_EQ(stream.take("\xc0\xaf"), "\uFFFD\uFFFD");            // overlong
  EXPECT_EQ(stream.take("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(stream.take("\xf5"), "\uFFFD");
  EXPECT_EQ(stream.take("\xe2\x82x"), "\uFFFDx");
  EXPECT_EQ(stream.take("\xe2\x82"), "");
  EXPECT_EQ(stream.take("x"), "\uFFFDx");
}

}  // namespace
}  // namespace tutti::jupyter
