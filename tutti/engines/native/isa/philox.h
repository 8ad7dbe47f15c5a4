// Philox4x32-10 on whole vectors of blocks; the same words as tutti/base/philox.h.
#pragma once

#include <array>
#include <cstdint>

namespace tutti::native {

// words[4 b + i] = word i of block first + b, for b < blocks. `counter` is words 1 to 3 of every block's counter.
using PhiloxFunction = void (*)(std::array<std::uint32_t, 3> counter, std::array<std::uint32_t, 2> key, std::uint32_t first,
                                std::int64_t blocks, std::uint32_t* words);

PhiloxFunction philox_function();

}  // namespace tutti::native
