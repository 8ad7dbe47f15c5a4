// What the conformance tests share: hostile buffers, comparison, tolerances, the engines under test.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cases.h"
#include "tutti/engine/engine.h"
#include "tutti/engines/engines.h"

namespace tutti::conformance {

// Memory for one array, full of garbage, between two guards that notice a write outside.
class GuardedBuffer {
 public:
  // misaligned: at an address that is a multiple of the element's size, but of nothing larger.
  GuardedBuffer(const TensorType& type, bool misaligned, unsigned char garbage);
  GuardedBuffer(GuardedBuffer&&) = default;

  View view() { return {data_, type_.dtype, &type_.shape}; }
  ConstView view() const { return {data_, type_.dtype, &type_.shape}; }
  void copy_from(const Tensor& tensor);
  Tensor copy() const;
  bool holds(const Tensor& tensor) const;
  bool guards_intact() const;

 private:
  TensorType type_;
  std::vector<std::byte> storage_;
  std::byte* data_;
};

// 0xff makes NaN of floats and -1 of integers; 0xcd makes large finite numbers.
inline constexpr unsigned char kGarbage[] = {0xff, 0xcd};

// How far a correct engine may be from the reference engine: |got - want| <= relative * max(|want|, mean |want|, scale). The
// mean keeps small elements among large ones from being asked for digits that cancelled, and one large element from excusing
// the rest.
struct Tolerance {
  double relative = 0.0;
  double scale = 0.0;
};
Tolerance tolerance_of(const Op& op, DType dtype);

// "" or where and how `got` differs. Integers must be equal; NaN equals NaN.
std::string mismatch(const ConstView& got, const Tensor& want, const Tolerance& tolerance);

struct EngineUnderTest {
  std::string label;  // "native", "torch_cuda_0"
  std::shared_ptr<Engine> engine;
};
// Every engine that list_engines() calls available, on each of its devices; made once.
const std::vector<EngineUnderTest>& engines_under_test();

// Registers `body` as the test `suite`.`name`.
void register_test(const char* suite, const std::string& name, std::function<void()> body);

// The families of tests, each in its file; all are registered before the first runs.
void register_table_tests();
void register_value_tests();
void register_gradient_tests();
void register_program_tests();

}  // namespace tutti::conformance
