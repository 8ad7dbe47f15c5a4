#include "tutti/engines/native/column_sums.h"
#include "tutti/engines/native/isa/columns.h"

namespace tutti::native {
namespace {

// x seen as (outer, middle, inner), summed over the middle.
struct Extents {
  std::int64_t outer = 1, middle = 1, inner = 1;
};

// False unless the axes are neighbours.
bool find_extents(const Reduce& op, const Shape& x, Extents& extents) {
  const int first = op.axes.empty() ? 0 : op.axes.front(), last = op.axes.empty() ? x.rank() - 1 : op.axes.back();
  if (!op.axes.empty() && last - first + 1 != static_cast<int>(op.axes.size())) return false;
  for (int axis = 0; axis < x.rank(); ++axis)
    (axis < first ? extents.outer : axis > last ? extents.inner : extents.middle) *= x[axis];
  return true;
}

Term term_of(ReduceKind kind) {
  if (kind == ReduceKind::kSumSquares) return Term::kSquare;
  return kind == ReduceKind::kSumAbs ? Term::kAbs : Term::kValue;
}

// Floats of one part of a sum over everything.
constexpr std::int64_t kPart = 4096;

}  // namespace

Prepared prepare_op(const OpCall& call, const Reduce& op) {
  Extents e;
  if (!find_extents(op, call.inputs[0].shape, e)) return refuse("axes that are no neighbours");
  const ColumnsIsa& isa = columns_isa();
  const Term term = term_of(op.kind);
  const double scale = op.kind == ReduceKind::kMean ? 1.0 / static_cast<double>(e.middle) : 1.0;
  if (e.outer == 1 && e.inner == 1) {
    return ready([=, sum = isa.sum](Inputs in, Outputs out) {
      const std::int64_t parts = ceil_div(e.middle, kPart);
      const std::vector<double> total = sum_rows(parts, 1, [&](std::int64_t begin, std::int64_t end, double* sums) {
        *sums += sum(term, in[0].as<float>() + begin * kPart, std::min(e.middle, end * kPart) - begin * kPart);
      });
      *out[0].as<float>() = static_cast<float>(total[0] * scale);
    });
  }
  if (e.inner == 1) {
    return ready([=, sum = isa.sum](Inputs in, Outputs out) {
      parallel_for(0, e.outer, ceil_div(kStreamGrain, e.middle + 1), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          out[0].as<float>()[i] = static_cast<float>(sum(term, in[0].as<float>() + i * e.middle, e.middle) * scale);
      });
    });
  }
  return ready([=, column_sums = isa.column_sums](Inputs in, Outputs out) {
    for (std::int64_t i = 0; i < e.outer; ++i) {
      const float* x = in[0].as<float>() + i * e.middle * e.inner;
      const std::vector<double> sums = sum_rows(e.middle, e.inner, [&](std::int64_t begin, std::int64_t end, double* part) {
        column_sums(term, x + begin * e.inner, end - begin, e.inner, part);
      });
      for (std::int64_t j = 0; j < e.inner; ++j)
        out[0].as<float>()[i * e.inner + j] = static_cast<float>(sums[static_cast<std::size_t>(j)] * scale);
    }
  });
}

Prepared prepare_op(const OpCall& call, const Softmax& op) {
  const std::int64_t c = call.outputs[0].shape[-1], rows = rows_of(call.outputs[0].shape);
  return ready([=, log = op.log, softmax = columns_isa().softmax](Inputs in, Outputs out) {
    parallel_for(0, rows, ceil_div(kStreamGrain, 8 * c), [&](std::int64_t begin, std::int64_t end) {
      softmax(in[0].as<float>() + begin * c, end - begin, c, log, out[0].as<float>() + begin * c);
    });
  });
}

Prepared prepare_op(const OpCall& call, const SoftmaxGrad& op) {
  const std::int64_t c = call.outputs[0].shape[-1], rows = rows_of(call.outputs[0].shape);
  return ready([=, log = op.log, grad = columns_isa().softmax_grad](Inputs in, Outputs out) {
    parallel_for(0, rows, ceil_div(kStreamGrain, 8 * c), [&](std::int64_t begin, std::int64_t end) {
      grad(in[0].as<float>() + begin * c, in[1].as<float>() + begin * c, end - begin, c, log, out[0].as<float>() + begin * c);
    });
  });
}

}  // namespace tutti::native
