// Which of the instruction sets that the kernels are built for is used.
#pragma once

#include <string_view>

namespace tutti::native {

// At most $TUTTI_NATIVE_ISA: avx512, avx2, sse4, baseline (neon, baseline on AArch64); the processor's best without it. Only
// the first call in a process has an effect, and it comes before any kernel is made. Error for another name.
void limit_instruction_set();
// The one that is used, by the same names.
std::string_view instruction_set();

}  // namespace tutti::native
