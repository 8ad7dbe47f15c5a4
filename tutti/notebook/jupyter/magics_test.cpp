#include "tutti/notebook/jupyter/magics.h"

#include <gmock/gmock.h>

#include "tutti/notebook/jupyter/magic_commands.h"

namespace tutti::jupyter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// "code:...", "magic time:x", "shell:ls"
std::vector<std::string> parts(const std::string& cell) {
  std::vector<std::string> result;
  for (const CellPart& part : split_cell(cell).parts) {
    const bool is_code = part.kind == CellPart::Kind::kCode, is_magic = part.kind == CellPart::Kind::kMagic;
    result.push_back((is_code ? "code" : is_magic ? "magic " + part.name : "shell") + ":" + part.text);
  }
  return result;
}

TEST(Magics, CodeIsCode) {
  EXPECT_THAT(parts("int a = 1;\na"), ElementsAre("code:int a = 1;\na"));
  EXPECT_THAT(parts("a\n"), ElementsAre("code:a\n"));
  EXPECT_THAT(parts(" \n\n"), ElementsAre());
}

TEST(Magics, LinesKeepTheirNumbers) {
  EXPECT_THAT(parts("int a;\n%cd /tmp\nint b;\n!ls -l\nb"),
              ElementsAre("code:int a;\n", "magic cd:/tmp", "code:\n\nint b;\n", "shell:ls -l", "code:\n\n\n\nb"));
}

TEST(Magics, OnlyBetweenStatements) {
  for (const char* cell : {"int x = a\n% b;", "f(1,\n%cd\n);", "/* a\n%cd\n*/", "auto s = R\"x(\n%cd\n!ls\n)x\";",
                           "int f() {\n!ls;\n}", "a = b +\n!c;", "#define X \\\n%cd", "auto s = \"abc\" \\\n%cd"})
    EXPECT_THAT(parts(cell), ElementsAre("code:" + std::string(cell)));
  EXPECT_THAT(parts("// it's\n%pwd"), ElementsAre("code:// it's\n", "magic pwd:"));
  EXPECT_THAT(parts("#include <a> // \"\n%pwd"), ElementsAre("code:#include <a> // \"\n", "magic pwd:"));
  EXPECT_THAT(parts("auto n = 1'000; char c = '{';\n%pwd"), ElementsAre("code:auto n = 1'000; char c = '{';\n", "magic pwd:"));
  EXPECT_THAT(parts("struct A { int b; }; /* } */\n  %pwd"), ElementsAre("code:struct A { int b; }; /* } */\n", "magic pwd:"));
}

TEST(Magics, AnExpressionMayBeginWithNot) {
  for (const char* cell : {" !x", "!(a && b)", "!!x", "not x"})
    EXPECT_THAT(parts(cell), ElementsAre("code:" + std::string(cell)));
}

TEST(Magics, ACellMagicIsForTheWholeCell) {
  const CellParts cell = split_cell("\n%%time  now\n1 + 1");
  EXPECT_EQ(cell.cell_magic, "time");
  EXPECT_EQ(cell.cell_argument, "now");
  ASSERT_EQ(cell.parts.size(), 1u);
  EXPECT_THAT(cell.parts[0].text, HasSubstr("\n1 + 1"));
  EXPECT_EQ(split_cell("1;\n%%time").cell_magic, "");
}

TEST(Magics, OnlyCodeKeepsPositions) {
  EXPECT_EQ(only_code("%cd x\nint a", 8), "     \nint a");
  EXPECT_EQ(only_code("%cd x\nint a", 3), std::nullopt);
  EXPECT_EQ(only_code("%%time\nint a", 3), std::nullopt);
  EXPECT_EQ(only_code("%%time\nint a", 9), "      \nint a");
}

// What a cell does with an interpreter that answers with its code.
CellResult run(const std::string& cell) {
  return run_cell(split_cell(cell), [](const std::string& code) {
    return CellResult{.error = {}, .value = MimeBundle{{"text/plain", code}}};
  });
}

TEST(Magics, UnknownOnesAreOneClearLine) {
  const CellResult result = run("%tme x");
  ASSERT_TRUE(result.error);
  EXPECT_THAT(result.error->message, HasSubstr("%tme is unknown. Did you mean %time?"));
  EXPECT_THAT(run("%%foo\n1").error->message, HasSubstr("%%foo is unknown."));
  EXPECT_THAT(run("%%time f(x)").error->message, HasSubstr("Expected the cell's code below. Got f(x)."));
}

TEST(Magics, TheValueIsTheLastPartsValue) {
  EXPECT_EQ(plain_text(*run("%pwd\n1 + 1").value), "\n1 + 1");
  EXPECT_FALSE(run("1 + 1;\n%pwd").value);
  testing::internal::CaptureStdout();
  EXPECT_EQ(plain_text(*run("%time f(x)").value), "f(x)");
  EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::ContainsRegex("CPU times: user .*, sys: .*\nWall time: .*\n"));
}

TEST(Magics, Engines) {
  testing::internal::CaptureStdout();
  EXPECT_FALSE(run("%engine reference").error);
  EXPECT_STREQ(std::getenv("TUTTI_ENGINE"), "reference");
  ::unsetenv("TUTTI_ENGINE");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "engine: reference\n");
  EXPECT_THAT(run("%engine quantum").error->message, HasSubstr("quantum"));
}

TEST(Magics, FoldersAndVariables) {
  testing::internal::CaptureStdout();
  EXPECT_FALSE(run("%cd /\n%cd -\n%env TUTTI_MAGIC=a b\n%env TUTTI_MAGIC").error);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("TUTTI_MAGIC=a b\na b\n"));
  EXPECT_THAT(run("%cd /nowhere/at/all").error->message, HasSubstr("[%cd] cannot go to /nowhere/at/all: No such file"));
  EXPECT_THAT(run("%env TUTTI_NONE").error->message, HasSubstr("[%env] TUTTI_NONE is not set."));
}

TEST(Magics, ShellCommandsSayHowTheyFailed) {
  testing::internal::CaptureStderr();
  EXPECT_FALSE(run("!exit 3").error);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "[exit code 3]\n");
}

}  // namespace
}  // namespace tutti::jupyter
