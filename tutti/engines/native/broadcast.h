// NumPy broadcasting as few contiguous runs as possible.
#pragma once

#include <cstdint>
#include <vector>

#include "tutti/engines/native/kernels.h"

namespace tutti::native {

// The walk of one or two operands along y, in runs of `inner` elements of y in which an operand either advances element by
// element (step 1) or stands still (step 0).
class BroadcastWalk {
 public:
  BroadcastWalk(const Shape& a, const Shape& b, const Shape& y) {
    for (int axis = y.rank() - 1; axis >= 0; --axis) {
      if (y[axis] == 1) continue;
      const Axis next{y[axis], stride(a, y.rank(), axis), stride(b, y.rank(), axis)};
      if (!axes_.empty() && next.a == axes_.back().a * axes_.back().count && next.b == axes_.back().b * axes_.back().count) {
        axes_.back().count *= next.count;  // goes on where the inner axis ends, on both sides
      } else {
        axes_.push_back(next);
      }
    }
    if (!axes_.empty()) {
      inner_ = axes_.front().count, step_a_ = axes_.front().a, step_b_ = axes_.front().b;
      axes_.erase(axes_.begin());
    }
    count_ = y.elements();
  }

  std::int64_t step_a() const { return step_a_; }
  std::int64_t step_b() const { return step_b_; }

  // visit(offset in a, offset in b, offset in y, count) for all runs, on all threads.
  template <class Visit>
  void run(const Visit& visit) const {
    stream(count_, [&](std::int64_t begin, std::int64_t end) {
      while (begin < end) {
        const std::int64_t column = begin % inner_, count = std::min(inner_ - column, end - begin);
        std::int64_t row = begin / inner_, at_a = column * step_a_, at_b = column * step_b_;
        for (const Axis& axis : axes_) {
          at_a += row % axis.count * axis.a;
          at_b += row % axis.count * axis.b;
          row /= axis.count;
        }
        visit(at_a, at_b, begin, count);
        begin += count;
      }
    });
  }

 private:
  struct Axis {
    std::int64_t count, a, b;
  };

  // Elements from one index of y's axis to the next in x, which is aligned with y at the last axis.
  static std::int64_t stride(const Shape& x, int y_rank, int axis) {
    const int own = axis - (y_rank - x.rank());
    if (own < 0 || x[own] == 1) return 0;
    std::int64_t stride = 1;
    for (int inner = own + 1; inner < x.rank(); ++inner) stride *= x[inner];
    return stride;
  }

  std::vector<Axis> axes_;  // outside the runs, innermost first
  std::int64_t inner_ = 1, step_a_ = 1, step_b_ = 1, count_ = 0;
};

}  // namespace tutti::native
