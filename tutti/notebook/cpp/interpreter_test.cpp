#include <gmock/gmock.h>

#include "tutti/notebook/cpp/cpp_interpreter.h"

namespace tutti {
namespace {

using testing::HasSubstr;

// One for all tests: there is one compiler in a process.
Interpreter& cpp() {
  static const std::unique_ptr<Interpreter> interpreter = make_cpp_interpreter();
  return *interpreter;
}
int number = 0;

CellResult run(const std::string& code) { return cpp().execute(code, ++number); }
// The value's text; of an error, its lines.
std::string value(const std::string& code) {
  const CellResult result = run(code);
  if (result.error) {
    std::string text = result.error->name + "|";
    for (const std::string& line : result.error->lines) text += line + "\n";
    return text;
  }
  return result.value ? plain_text(*result.value) : "";
}

TEST(Interpreter, ShowsTheLastValue) {
  EXPECT_EQ(value("1 + 1"), "2");
  EXPECT_EQ(value("int k = 3;"), "");
  EXPECT_EQ(value("k++;"), "");
  EXPECT_EQ(value("k"), "4");
  EXPECT_EQ(value("int f(int x) { return 2 * x; }\nf(k)"), "8");
  EXPECT_EQ(value("for (int i = 0; i < 3; ++i) k += i;\nk"), "7");
  EXPECT_EQ(value("auto twice = [](auto x) { return x + x; };\ntwice(std::string(\"ab\")).size()"), "4");
}

TEST(Interpreter, AStreamIsNoValue) { EXPECT_EQ(value("std::ostringstream out;\nout << 1"), ""); }

TEST(Interpreter, GoesOnAfterMistakes) {
  EXPECT_THAT(value("int a1 = 1; int b1 = nope; enum { kOne };"), HasSubstr("In["));
  EXPECT_THAT(value("a1"), HasSubstr("undeclared"));
  EXPECT_THAT(value("auto l = [] { return 1; }; nonsense nonsense;"), HasSubstr("CompileError"));
  EXPECT_THAT(value("int f() {"), HasSubstr("is not closed"));
  EXPECT_THAT(value("std::vector<int> v; v.nope(); undefined(1);"), HasSubstr("undefined"));
  EXPECT_THAT(value("template <class T> void g(T t) { t.nope(); }\ng(1);"), HasSubstr("nope"));
  EXPECT_EQ(value("2 + 2"), "4");
}

TEST(Interpreter, DefinesAgain) {
  EXPECT_EQ(value("int r = 1;"), "");
  EXPECT_EQ(value("double r = 2.5;\nr"), "2.5");
  EXPECT_EQ(value("std::string r = \"x\";\nr.size()"), "1");
  EXPECT_EQ(value("int h() { return 1; }"), "");
  EXPECT_EQ(value("int call_h() { return h(); }"), "");
  EXPECT_EQ(value("int h() { return 2; }\nh()"), "2");
  EXPECT_EQ(value("call_h()"), "1");
  EXPECT_EQ(value("struct P { int x = 1; };\nP p1;\np1.x"), "1");
  EXPECT_EQ(value("struct P { int x = 2, y = 3; };\nP p2;\nstd::vector<P> ps(2);\np2.x + ps[1].y"), "5");
  EXPECT_EQ(value("p1.x"), "1");
  EXPECT_EQ(value("int over(int) { return 1; }\nint over(double) { return 2; }"), "");
  EXPECT_EQ(value("int over(double) { return 3; }\nover(1) * 10 + over(1.0)"), "13");
  EXPECT_EQ(value("template <class T> int tf(T) { return 1; }\ntf(1)"), "1");
  EXPECT_EQ(value("template <class T> int tf(T) { return 2; }\ntf(1)"), "2");
  EXPECT_EQ(value("enum Color { red, green };\nint(green)"), "1");
  EXPECT_EQ(value("enum Color { blue, red, green };\nint(green)"), "2");
  EXPECT_EQ(value("auto [one, two] = std::pair(1, 2);\ntwo"), "2");
  EXPECT_EQ(value("auto [one, two] = std::pair(3, 4);\ntwo"), "4");
  EXPECT_EQ(value("using Name = int; auto lambda = [] { return 1; };\nlambda()"), "1");
  EXPECT_EQ(value("using Name = double; auto lambda = [] { return 2; };\nlambda()"), "2");
  // What is wrong itself leaves the old one.
  EXPECT_THAT(value("int h() { return wrong; }"), HasSubstr("wrong"));
  EXPECT_EQ(value("h()"), "2");
}

TEST(Interpreter, ItsOwnNamesComeBeforeTheLibrarys) {
  EXPECT_EQ(value("Shape{2, 3}"), "(2, 3)");  // tutti::Shape
  EXPECT_EQ(value("datasets::is_known(\"shapes\")"), "true");
  EXPECT_EQ(value("int score = 6;\nscore * 7"), "42");  // and tutti::score, a function
  EXPECT_EQ(value("int twice_the_score() { return 2 * score; }\ntwice_the_score()"), "12");
  EXPECT_EQ(value("struct Cropping2D { int units = 4; };\nCropping2D().units"), "4");
  EXPECT_EQ(value("template <class T> auto rank_of(const T& x) { return Shape(x).rank(); }\nrank_of(Shape{2, 3})"), "2");
}

TEST(Interpreter, TellsExceptionsWithTheirPlace) {
  const CellResult result =
      run("int deep(int x) {\n  if (x == 0) throw std::runtime_error(\"boom\");\n  return deep(x - 1);\n}\ndeep(0);");
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->name, "std::runtime_error");
  EXPECT_EQ(result.error->message, "boom");
  ASSERT_GE(result.error->lines.size(), 2u);
  EXPECT_THAT(result.error->lines.back(), HasSubstr("]:5"));
  EXPECT_THAT(value("std::vector<int> empty;\nempty.at(3)"), HasSubstr("std::out_of_range"));
  EXPECT_EQ(value("1"), "1");
}

// What the cell has to destroy on the way out comes from headers.
TEST(Interpreter, TellsThePlaceBetweenVariablesOfHeaders) {
  const CellResult result =
      run("int early = 1;\nstd::map<int, std::string> table;\n"
          "std::vector<std::string> words(3, \"a\");\ndatasets::csv(\"/nowhere\", {.label_column = words[0]});\nint late = 2;");
  ASSERT_TRUE(result.error);
  EXPECT_THAT(result.error->lines.back(), HasSubstr("]:4"));
  EXPECT_EQ(value("early"), "1");
  EXPECT_EQ(value("table.size() + words.size()"), "3");
  EXPECT_THAT(value("late"), HasSubstr("undeclared"));
}

TEST(Interpreter, ForgetsWhatAnExceptionLeftUnmade) {
  EXPECT_THAT(value("int before = 5;\nint unmade = std::stoi(\"no\");\nint after = 6;"), HasSubstr("std::invalid_argument"));
  EXPECT_EQ(value("before"), "5");
  EXPECT_THAT(value("unmade"), HasSubstr("undeclared"));
  EXPECT_EQ(value("int unmade = 7;\nunmade"), "7");
}

TEST(Interpreter, TellsWhatIsDeclaredButNotDefined) {
  EXPECT_THAT(value("int nowhere(int);\nnowhere(1)"), HasSubstr("declared but not defined: nowhere(int)"));
  EXPECT_EQ(value("1 + 2"), "3");
}

TEST(Interpreter, SurvivesFaultsInTheCell) {
  EXPECT_THAT(value("int* none = nullptr;\n*none = 1;"), HasSubstr("SegmentationFault"));
  EXPECT_EQ(value("3"), "3");
}

TEST(Interpreter, KeepsStaticsConstantsAndThreadLocals) {
  EXPECT_EQ(value("static int s = 4; const int c = 5; thread_local int t = 6; constexpr int e = 7; inline int n = 8;"), "");
  EXPECT_EQ(value("static int sf() { return s; }\nnamespace { int hidden() { return 9; } }"), "");
  EXPECT_EQ(value("const int* pc = &c;\n*pc + sf() + t + e + n + hidden()"), "39");
}

std::vector<std::string> completions(const std::string& code) {
  std::vector<std::string> names;
  for (const Completion& match : cpp().complete(code, code.size()).matches) names.push_back(match.text);
  return names;
}

TEST(Interpreter, Completes) {
  run("struct Point { int first_part; void move_it(int by); };\nPoint point;\nint counter_of_mine = 1;");
  EXPECT_THAT(completions("counter_of"), testing::ElementsAre("counter_of_mine"));
  EXPECT_THAT(completions("int x = 1;\npoint.m"), testing::ElementsAre("move_it"));
  EXPECT_THAT(completions("std::vec"), testing::Contains("vector"));
  EXPECT_THAT(completions("Sequent"), testing::Contains("Sequential"));
  const Completions found = cpp().complete("  point.fir", 11);
  EXPECT_EQ(found.begin, 8u);
  EXPECT_EQ(found.end, 11u);
  // Nothing of it stays.
  EXPECT_EQ(value("counter_of_mine"), "1");
}

TEST(Interpreter, Inspects) {
  run("// Twice as much.\nint twice_as(int x) { return 2 * x; }");
  const auto bundle = cpp().inspect("twice_as", 3);
  ASSERT_TRUE(bundle);
  EXPECT_THAT(plain_text(*bundle), HasSubstr("int twice_as(int x)"));
  EXPECT_THAT(plain_text(*bundle), HasSubstr("Twice as much."));
  const auto call = cpp().inspect("twice_as(", 9);
  ASSERT_TRUE(call);
  EXPECT_THAT(plain_text(*call), HasSubstr("int x"));
  EXPECT_FALSE(cpp().inspect("no_such_thing", 4));
}

TEST(Interpreter, IsComplete) {
  EXPECT_EQ(cpp().is_complete("int f() {").state, CellState::kIncomplete);
  EXPECT_EQ(cpp().is_complete("int f() {").indent, "  ");
  EXPECT_EQ(cpp().is_complete("f(1,").state, CellState::kIncomplete);
  EXPECT_EQ(cpp().is_complete("f)").state, CellState::kInvalid);
  EXPECT_EQ(cpp().is_complete("\"{\" // {").state, CellState::kComplete);
  EXPECT_EQ(cpp().is_complete("/* open").state, CellState::kIncomplete);
}

}  // namespace
}  // namespace tutti
