#include "tutti/engines/native/isa/instruction_set.h"

#include <array>
#include <cstdlib>
#include <string>

#include "tutti/engines/native/isa/targets.h"

#include <hwy/targets.h>

#include "tutti/base/error.h"

namespace tutti::native {
namespace {

struct InstructionSet {
  std::string_view name;
  std::int64_t target;  // Highway's; better ones of an architecture have lower bits
};

constexpr std::array kInstructionSets {
#if HWY_ARCH_X86
  InstructionSet{"avx512", HWY_AVX3}, InstructionSet{"avx2", HWY_AVX2}, InstructionSet{"sse4", HWY_SSE4},
#elif HWY_ARCH_ARM_A64
  InstructionSet{"neon", HWY_NEON},
#endif
      InstructionSet{"baseline", HWY_EMU128},
};

bool apply_limit() {
  const char* wanted = std::getenv("TUTTI_NATIVE_ISA");
  if (!wanted || !*wanted) return true;
  std::string names;
  for (const auto& [name, target] : kInstructionSets) {
    if (name == wanted) {
      hwy::DisableTargets(target - 1);
      return true;
    }
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  fail("native", "unknown TUTTI_NATIVE_ISA. Expected one of: {}. Got {}.", names, wanted);
}

}  // namespace

void limit_instruction_set() { [[maybe_unused]] static const bool done = apply_limit(); }

std::string_view instruction_set() {
  const std::int64_t supported = hwy::SupportedTargets();
  hwy::GetChosenTarget().Update(supported);  // the call before has set it to all that the processor has, limit or not
  for (const auto& [name, target] : kInstructionSets)
    if (supported & (target | (target - 1))) return name;
  return kInstructionSets.back().name;
}

}  // namespace tutti::native
