#include "tutti/engines/reference/kernels.h"

// GCC compiles the loop once for each of these and the dynamic linker picks one; without fused operations (-ffp-contract=off,
// CMakeLists.txt) all give the same bits. Sanitizers cannot run that early.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define TUTTI_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define TUTTI_CLONES
#endif

namespace tutti::reference {

TUTTI_CLONES void add_scaled(double* sums, const double* values, double factor, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] += factor * values[i];
}

}  // namespace tutti::reference
