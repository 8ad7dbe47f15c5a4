// Sums over the rows of a matrix, on all threads.
#pragma once

#include <cstdint>
#include <vector>

#include "tutti/engines/native/kernels.h"

namespace tutti::native {

// Rows are cut into at most this many parts, whose sums are added in order: so the result does not depend on the number of
// threads, and as many threads can share the work.
inline constexpr std::int64_t kRowParts = 64;

// sums[j] = sum over rows; add(begin, end, sums) adds the rows [begin, end) to `columns` sums.
template <class AddRows>
std::vector<double> sum_rows(std::int64_t rows, std::int64_t columns, const AddRows& add) {
  const std::int64_t part_rows = std::max<std::int64_t>(1, ceil_div(kStreamGrain, std::max<std::int64_t>(1, columns)));
  const std::int64_t parts = std::clamp<std::int64_t>(rows / part_rows, 1, kRowParts);
  std::vector<double> sums(static_cast<std::size_t>(parts * columns), 0.0);
  parallel_for(0, parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      const auto [first, last] = share(rows, part, parts);
      add(first, last, sums.data() + part * columns);
    }
  });
  for (std::int64_t part = 1; part < parts; ++part)
    for (std::int64_t j = 0; j < columns; ++j)
      sums[static_cast<std::size_t>(j)] += sums[static_cast<std::size_t>(part * columns + j)];
  sums.resize(static_cast<std::size_t>(columns));
  return sums;
}

}  // namespace tutti::native
