// `tutti run`: with the compiler in the process, and with the machine's.
#include <sys/stat.h>

#include <gmock/gmock.h>

#include "tests/end_to_end/shell.h"
#include "tests/temporary_folder.h"
#include "tutti/notebook/plugin.h"

namespace tutti {
namespace {

using testing::HasSubstr;

// Both ways; they share a cache, that the headers are prepared once.
class Run : public FolderTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (is_in_process() && !load_cpp_plugin().plugin) GTEST_SKIP() << load_cpp_plugin().reason;
  }
  bool is_in_process() const { return std::string(GetParam()).empty(); }
  Result run(const std::string& command) {
    return run_shell(folder_, command,
                     "TUTTI_RUN_WITH=" + std::string(GetParam()) + " XDG_CACHE_HOME=" TUTTI_BINARY_DIR "/cache");
  }
  void write(const std::string& name, const std::string& text) { write_file_atomically(folder_ / name, text); }
};

TEST_P(Run, PassesArgumentsAndTheExitCode) {
  write("a.cpp",
        "#!/usr/bin/env -S tutti run\n#include <cstdio>\n#include \"mine.h\"\n"
        "int main(int argc, char** argv) { for (int i = 0; i < argc; ++i) std::puts(argv[i]); return kCode; }\n");
  write("mine.h", "constexpr int kCode = 7;\n");
  const Result first = run("tutti run a.cpp --help 'two words'");
  EXPECT_EQ(first.code, 7) << first.err;
  EXPECT_EQ(first.out, "a.cpp\n--help\ntwo words\n");
  EXPECT_EQ(run("tutti run a.cpp").code, 7);
  write("mine.h", "constexpr int kCode = 123;\n");
  EXPECT_EQ(run("tutti run a.cpp").code, 123);
  write("with blank.h", "constexpr int kCode = 8;\n");
  write("a.cpp", "#include \"with blank.h\"\nint main() { return kCode; }\n");
  EXPECT_EQ(run("tutti run a.cpp").code, 8);
  write("with blank.h", "constexpr int kCode = 124;\n");
  EXPECT_EQ(run("tutti run a.cpp").code, 124);
}

TEST_P(Run, UsesTheLibrary) {
  write("a.cpp", R"(#include <tutti/tutti.h>
using namespace tutti;
struct Last { ~Last() { std::puts("last"); } } last;
thread_local int local = 2;
int main() {
  Sequential model({Input({3}), Dense(2)});
  std::printf("%d %d\n", model.predict(Tensor({5, 3})).shape().rank(), local);
  display(std::vector<int>{1, 2});
}
)");
  const Result result = run("tutti run a.cpp");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "2 2\n{1, 2}\nlast\n");
}

TEST_P(Run, TellsMistakesAsTheCompilerDoes) {
  write("a.cpp", "int main() {\n  return nope;\n}\n");
  const Result result = run("tutti run a.cpp");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("a.cpp:2:"));
  EXPECT_THAT(result.err, HasSubstr("nope"));
}

TEST_P(Run, TellsWhatWasThrown) {
  write("a.cpp",
        "#include <tutti/tutti.h>\nvoid deep() {\n  tutti::Tensor({2}).reshape({3});\n}\nint main() {\n  deep();\n}\n");
  const Result result = run("tutti run a.cpp");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("uncaught exception tutti::Error: "));
  EXPECT_THAT(result.err, HasSubstr(is_in_process() ? "at a.cpp:3 in deep" : ""));
}

TEST_P(Run, SaysWhatIsWrongInOneLine) {
  EXPECT_THAT(run("tutti run nothing.cpp").err, HasSubstr("there is no file nothing.cpp"));
  EXPECT_THAT(run("tutti run .").err, HasSubstr("is a folder"));
  write("a.cpp", "int x;\n");
  EXPECT_THAT(run("tutti run a.cpp").err, HasSubstr("has no main()"));
  write("b.cpp", "int f();\nint main() { return f(); }\n");
  const Result result = run("tutti run b.cpp");
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.err, HasSubstr("f()"));
}

TEST_P(Run, StopsAtAnInterrupt) {
  if (!is_in_process()) GTEST_SKIP() << "the machine's compiler makes a program whose loops nobody can leave";
  write("a.cpp",
        "#include <cstdio>\nvolatile int x;\nint main() { std::puts(\"go\"); std::fflush(stdout); for (;;) x = x + 1; }\n");
  for (const std::string signal : {"INT", "TERM"}) {
    const Result result = run(quoted(kTutti) + " run a.cpp & p=$!; until grep -q go out.txt; do sleep 0.05; done; kill -" +
                              signal + " $p; wait $p");
    EXPECT_EQ(result.code, 130) << signal;
    EXPECT_THAT(result.err, HasSubstr("interrupted"));
  }
}

INSTANTIATE_TEST_SUITE_P(, Run, testing::Values("", "compiler"),
                         [](const auto& each) { return *each.param ? "ByTheCompiler" : "InTheProcess"; });

}  // namespace
}  // namespace tutti
