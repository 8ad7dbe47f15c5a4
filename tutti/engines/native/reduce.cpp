#include "tutti/engines/native/column_sums.h"
#include "tutti/engines/native/isa/columns.h"

namespace tutti::native {
namespace {

// x seen as (outer, middle, inner), summed over the middle.
struct Extents {
  std::int64_t outer = 1, middle = 1, inner = 1;
};

// Neighbouring axes are summed at once; each further group of them takes a pass of its own, over what the one before left.
std::vector<Extents> find_passes(const Reduce& op, Shape shape) {
  std::vector<int> axes = op.axes;
  if (axes.empty())
    for (int axis = 0; axis < shape.rank(); ++axis) axes.push_back(axis);
  std::vector<Extents> passes;
  for (int last = static_cast<int>(axes.size()) - 1; last >= 0;) {
    int first = last;
    while (first > 0 && axes[static_cast<std::size_t>(first - 1)] == axes[static_cast<std::size_t>(first)] - 1) --first;
    const int begin = axes[static_cast<std::size_t>(first)], end = axes[static_cast<std::size_t>(last)];
    Extents e;
    for (int axis = 0; axis < shape.rank(); ++axis) (axis < begin ? e.outer : axis > end ? e.inner : e.middle) *= shape[axis];
    for (int axis = begin; axis <= end; ++axis) shape[axis] = 1;
    passes.push_back(e);
    last = first - 1;
  }
  if (passes.empty()) passes.push_back({});  // a scalar
  return passes;
}

Term term_of(ReduceKind kind) {
  if (kind == ReduceKind::kSumSquares) return Term::kSquare;
  return kind == ReduceKind::kSumAbs ? Term::kAbs : Term::kValue;
}

// Floats of one part of a sum over everything.
constexpr std::int64_t kPart = 4096;

void reduce_all(std::int64_t count, Term term, double scale, const float* x, float* y) {
  const std::vector<double> total =
      sum_rows(ceil_div(count, kPart), 1, [&](std::int64_t begin, std::int64_t end, double* sums) {
        *sums += columns_isa().sum(term, x + begin * kPart, std::min(count, end * kPart) - begin * kPart);
      });
  *y = static_cast<float>(total[0] * scale);
}

// y = scale * sum of term(x)
void reduce(const Extents& e, Term term, double scale, const float* x, float* y) {
  const ColumnsIsa& isa = columns_isa();
  if (e.outer == 1 && e.inner == 1) return reduce_all(e.middle, term, scale, x, y);
  if (e.inner == 1) {
    return parallel_for(0, e.outer, ceil_div(kStreamGrain, e.middle + 1), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = static_cast<float>(isa.sum(term, x + i * e.middle, e.middle) * scale);
    });
  }
  for (std::int64_t i = 0; i < e.outer; ++i) {
    const float* matrix = x + i * e.middle * e.inner;
    const std::vector<double> sums = sum_rows(e.middle, e.inner, [&](std::int64_t begin, std::int64_t end, double* part) {
      isa.column_sums(term, matrix + begin * e.inner, end - begin, e.inner, part);
    });
    for (std::int64_t j = 0; j < e.inner; ++j)
      y[i * e.inner + j] = static_cast<float>(sums[static_cast<std::size_t>(j)] * scale);
  }
}

}  // namespace

Prepared prepare_op(const OpCall& call, const Reduce& op) {
  const std::vector<Extents> passes = find_passes(op, call.inputs[0].shape);
  double scale = 1;
  if (op.kind == ReduceKind::kMean)
    for (const Extents& e : passes) scale /= static_cast<double>(e.middle);
  return ready([passes, scale, term = term_of(op.kind)](Inputs in, Outputs out) {
    const float* x = in[0].as<float>();
    std::vector<float> between;
    for (std::size_t i = 0; i < passes.size(); ++i) {
      const bool is_last = i + 1 == passes.size();
      std::vector<float> sums(is_last ? 0 : static_cast<std::size_t>(passes[i].outer * passes[i].inner));
      reduce(passes[i], i == 0 ? term : Term::kValue, is_last ? scale : 1.0, x, is_last ? out[0].as<float>() : sums.data());
      between = std::move(sums);
      x = between.data();
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
