#include <cmath>

#include "tutti/engines/onednn/loops.h"

namespace tutti::onednn {

using op::ReduceKind;

namespace {

// Values that are added in float before the sum goes on in double: short enough to lose nothing that float32 shows.
constexpr std::int64_t kChunk = 256;
// Sums that run side by side along a row, so that they fill vectors.
constexpr int kLanes = 32;

template <ReduceKind kind>
TUTTI_ONEDNN_INLINE float term(float x) {
  if constexpr (kind == ReduceKind::kSumSquares) return x * x;
  if constexpr (kind == ReduceKind::kSumAbs) return std::abs(x);
  return x;
}

// The sum of x[begin, end).
template <ReduceKind kind>
TUTTI_ONEDNN_INLINE double sum_row(std::int64_t begin, std::int64_t end, const float* x) {
  double sum = 0;
  std::int64_t i = begin;
  while (i + kLanes <= end) {
    float lanes[kLanes] = {};
    const std::int64_t stop = std::min(end, i + kLanes * kChunk);
    for (; i + kLanes <= stop; i += kLanes)
      for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += term<kind>(x[i + lane]);
    for (const float lane : lanes) sum += static_cast<double>(lane);
  }
  for (; i < end; ++i) sum += static_cast<double>(term<kind>(x[i]));
  return sum;
}

// sums (inner) += the rows [begin, end) of x (rows, inner).
template <ReduceKind kind>
TUTTI_ONEDNN_INLINE void sum_columns(std::int64_t begin, std::int64_t end, std::int64_t inner, const float* x, double* sums) {
  float lanes[kLanes];
  for (std::int64_t first = 0; first < inner; first += kLanes) {
    const std::int64_t width = std::min<std::int64_t>(kLanes, inner - first);
    for (std::int64_t row = begin; row < end;) {
      const std::int64_t stop = std::min(end, row + kChunk);
      std::fill_n(lanes, kLanes, 0.0f);
      if (width == kLanes) {
        for (; row < stop; ++row)
          for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += term<kind>(x[row * inner + first + lane]);
      } else {
        for (; row < stop; ++row)
          for (std::int64_t lane = 0; lane < width; ++lane) lanes[lane] += term<kind>(x[row * inner + first + lane]);
      }
      for (std::int64_t lane = 0; lane < width; ++lane) sums[first + lane] += static_cast<double>(lanes[lane]);
    }
  }
}

template <ReduceKind kind>
TUTTI_ONEDNN_INLINE void sum_any(std::int64_t begin, std::int64_t end, std::int64_t inner, const float* x, double* sums) {
  if (inner == 1)
    sums[0] += sum_row<kind>(begin, end, x);
  else
    sum_columns<kind>(begin, end, inner, x, sums);
}

// sums (inner) += the rows [begin, end) of x (rows, inner).
TUTTI_ONEDNN_CLONES
void sum_part(ReduceKind kind, std::int64_t begin, std::int64_t end, std::int64_t inner, const float* x, double* sums) {
  if (kind == ReduceKind::kSumSquares) return sum_any<ReduceKind::kSumSquares>(begin, end, inner, x, sums);
  if (kind == ReduceKind::kSumAbs) return sum_any<ReduceKind::kSumAbs>(begin, end, inner, x, sums);
  sum_any<ReduceKind::kSum>(begin, end, inner, x, sums);
}

}  // namespace

void reduce(ReduceKind kind, std::int64_t outer, std::int64_t reduced, std::int64_t inner, const float* x, float* y) {
  const double scale = kind == ReduceKind::kMean ? 1.0 / static_cast<double>(reduced) : 1.0;
  // Few long sums are cut into parts, whose number depends on the shape alone: the same result on any number of threads.
  const std::int64_t parts = outer >= 16 ? 1 : std::clamp<std::int64_t>(reduced * inner / kGrain, 1, 16);
  std::vector<double> sums(static_cast<std::size_t>(outer * parts * inner), 0.0);
  for_ranges(outer * parts, std::max<std::int64_t>(1, kGrain * parts / (reduced * inner)),
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t i = begin; i < end; ++i) {
                 const std::int64_t part = i % parts;
                 sum_part(kind, reduced * part / parts, reduced * (part + 1) / parts, inner, x + i / parts * reduced * inner,
                          sums.data() + i * inner);
               }
             });
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < inner; ++i) {
      double sum = 0;
      for (std::int64_t part = 0; part < parts; ++part) sum += sums[static_cast<std::size_t>((o * parts + part) * inner + i)];
      y[o * inner + i] = static_cast<float>(sum * scale);
    }
  }
}

void log_softmax(std::int64_t rows, std::int64_t c, const float* x, float* y) {
  for_ranges(rows, kGrain / 16 / c + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float *from = x + row * c, largest = *std::max_element(from, from + c);
      double sum = 0;
      for (std::int64_t i = 0; i < c; ++i) sum += static_cast<double>(std::exp(from[i] - largest));
      const double log_sum = std::log(sum) + static_cast<double>(largest);
      for (std::int64_t i = 0; i < c; ++i) y[row * c + i] = static_cast<float>(static_cast<double>(from[i]) - log_sum);
    }
  });
}

void softmax_grad(bool log, std::int64_t rows, std::int64_t c, const float* dy, const float* y, float* dx) {
  for_ranges(rows, kGrain / 16 / c + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float *g = dy + row * c, *p = y + row * c;
      double sum = 0;
      for (std::int64_t i = 0; i < c; ++i) sum += log ? static_cast<double>(g[i]) : static_cast<double>(g[i]) * p[i];
      for (std::int64_t i = 0; i < c; ++i) {
        const double difference = log ? g[i] - static_cast<double>(std::exp(p[i])) * sum : p[i] * (g[i] - sum);
        dx[row * c + i] = static_cast<float>(difference);
      }
    }
  });
}

}  // namespace tutti::onednn
