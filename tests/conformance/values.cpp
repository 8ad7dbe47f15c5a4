// Every case on every engine: values beside the reference engine's, from hostile buffers, and refusals.
#include <gtest/gtest.h>

#include <set>

#include <fmt/format.h>

#include "harness.h"
#include "must_support.h"

namespace tutti::conformance {
namespace {

// One case with one floating type.
struct Example {
  OpCall call;
  std::vector<Tensor> inputs, expected;
  Tolerance tolerance;
};

Example example_of(const Case& c, DType dtype) {
  Draws draw(dtype);
  std::vector<Tensor> inputs = c.inputs(draw);
  return {call_of(c.op, inputs), inputs, Draws::run(c.op, inputs), tolerance_of(c.op, dtype)};
}

struct Surroundings {
  bool misaligned;
  unsigned char garbage;
  bool in_place;  // where the op says it may
};

std::string describe(const Surroundings& where) {
  return fmt::format("{}, garbage {:#x}{}", where.misaligned ? "misaligned" : "aligned", where.garbage,
                     where.in_place ? ", in place" : "");
}

// Runs the kernel on fresh buffers and compares everything it may and may not have written.
void check_run(Kernel& kernel, const Example& example, const Surroundings& where) {
  SCOPED_TRACE(describe(where));
  std::vector<GuardedBuffer> inputs, outputs;
  std::vector<ConstView> in;
  std::vector<View> out;
  for (const Tensor& tensor : example.inputs) {
    inputs.emplace_back(tensor.type(), where.misaligned, where.garbage);
    inputs.back().copy_from(tensor);
  }
  for (const TensorType& type : example.call.outputs) outputs.emplace_back(type, where.misaligned, where.garbage);
  std::set<std::size_t> overwritten;
  for (GuardedBuffer& buffer : inputs) in.push_back(buffer.view());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const int input = where.in_place ? in_place_input(example.call.op, static_cast<int>(i)) : -1;
    if (input >= 0) overwritten.insert(static_cast<std::size_t>(input));
    out.push_back(input >= 0 ? inputs[static_cast<std::size_t>(input)].view() : outputs[i].view());
  }
  kernel.run(in, out);
  for (std::size_t i = 0; i < out.size(); ++i)
    EXPECT_EQ(mismatch(out[i], example.expected[i], example.tolerance), "") << "output " << i;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_TRUE(overwritten.contains(i) || inputs[i].holds(example.inputs[i])) << "input " << i << " was changed";
    EXPECT_TRUE(inputs[i].guards_intact()) << "written outside input " << i;
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) EXPECT_TRUE(outputs[i].guards_intact()) << "written outside output " << i;
}

bool may_run_in_place(const OpCall& call) {
  for (int output = 0; output < static_cast<int>(call.outputs.size()); ++output)
    if (in_place_input(call.op, output) >= 0) return true;
  return false;
}

// "" if the engine ran the example, else why it refused.
std::string check_example(Engine& engine, const Example& example) {
  Prepared prepared;
  EXPECT_NO_THROW(prepared = engine.prepare(example.call)) << "prepare must refuse, not throw";
  if (!prepared.kernel) {
    EXPECT_FALSE(prepared.refusal.empty()) << "a refusal needs a reason";
    EXPECT_FALSE(must_support(engine.name(), example.call)) << "refused what it must support: " << prepared.refusal;
    return prepared.refusal.empty() ? "no reason" : prepared.refusal;
  }
  // One kernel runs them all: what a run leaves behind must not show in the next.
  for (const bool misaligned : {false, true})
    for (const unsigned char garbage : kGarbage) check_run(*prepared.kernel, example, {misaligned, garbage, false});
  if (may_run_in_place(example.call))
    for (const bool misaligned : {false, true}) check_run(*prepared.kernel, example, {misaligned, kGarbage[0], true});
  return "";
}

void check_case(Engine& engine, const Case& c) {
  const Example single = example_of(c, DType::kFloat32), full = example_of(c, DType::kFloat64);
  std::string refusal;
  {
    SCOPED_TRACE("float32");
    refusal = check_example(engine, single);
  }
  if (full.call.inputs != single.call.inputs || full.call.outputs != single.call.outputs) {
    SCOPED_TRACE("float64");
    const std::string refused_double = check_example(engine, full);
    if (refused_double.empty()) refusal.clear();
  }
  if (!refusal.empty() && !testing::Test::HasFailure()) GTEST_SKIP() << "refused: " << refusal;
}

void check_table() {
  std::set<std::string> names;
  std::set<std::size_t> ops;
  for (const Case& c : cases()) {
    EXPECT_TRUE(names.insert(c.name).second) << c.name << " is there twice";
    EXPECT_EQ(c.name.rfind(name_of(c.op), 0), 0u) << c.name << " does not begin with the op's name";
    ops.insert(c.op.index());
  }
  EXPECT_EQ(ops.size(), std::variant_size_v<Op>) << "an op has no case";
}

}  // namespace

void register_table_tests() {
  register_test("Table", "names_every_op", check_table);
  for (const EngineInfo& info : list_engines()) {
    register_test("Engine", "is_available/" + info.name, [info] {
      if (!info.available) GTEST_SKIP() << info.name << " is not available: " << info.reason;
      EXPECT_FALSE(info.devices.empty());
      EXPECT_FALSE(info.version.empty());
    });
  }
}

void register_value_tests() {
  for (const EngineUnderTest& under_test : engines_under_test())
    for (const Case& c : cases())
      register_test("Values", fmt::format("{}/{}", c.name, under_test.label),
                    [engine = under_test.engine, &c] { check_case(*engine, c); });
}

}  // namespace tutti::conformance
