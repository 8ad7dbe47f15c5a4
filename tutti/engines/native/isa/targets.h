// Included before Highway by every file of this folder: which instruction sets we build for.
#pragma once

// SSSE3-only processors are too rare to be worth a fifth copy of each kernel (they take the emulated baseline); the sizeless
// vectors of SVE cannot be kept in arrays, as the register tiles need, so AArch64 uses NEON.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

// Under a sanitizer the baseline alone: one copy of each kernel is enough there, and five take minutes to compile.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HWY_COMPILE_ONLY_STATIC
#endif
