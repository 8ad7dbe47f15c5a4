// Softmax, normalisation, dropout, losses, optimizer updates.
#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include "tutti/base/philox.h"
#include "tutti/engines/torch/ops.h"

namespace tutti {

at::Tensor evaluate(const Softmax& op, const Arguments& in) {
  return op.log ? at::log_softmax(in[0], -1) : at::softmax(in[0], -1);
}

at::Tensor evaluate(const SoftmaxGrad& op, const Arguments& in) {
  // In float64: where one probability is nearly 1, all digits of a float32 cancel, and rows are short.
  const at::Tensor dy = in[0].to(at::kDouble), y = in[1].to(at::kDouble);
  const at::Tensor dx = op.log ? at::_log_softmax_backward_data(dy, y, -1, at::kDouble)
                               : at::mul(y, dy - at::mul(dy, y).sum(at::IntArrayRef{-1}, /*keepdim=*/true));
  return dx.to(in[0].scalar_type());
}

// --- Normalisation. -----------------------------------------------------------------------------------------------

namespace {

// x (..., c) as ATen's (1, c, rows, 1) in channels_last format; no copy if x is dense.
at::Tensor to_batch_norm_layout(const at::Tensor& x) { return x.reshape({1, -1, 1, x.size(-1)}).permute({0, 3, 1, 2}); }
at::Tensor from_batch_norm_layout(const at::Tensor& x, const at::Tensor& like) {
  return x.permute({0, 2, 3, 1}).reshape(like.sizes());
}

at::Tensor inverse_deviation(const at::Tensor& variance, double epsilon) { return at::add(variance, epsilon).rsqrt_(); }

// All axes but the last.
std::vector<std::int64_t> leading_axes(const at::Tensor& x) {
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 0; axis + 1 < x.dim(); ++axis) axes.push_back(axis);
  return axes;
}

}  // namespace

AtTensors evaluate(const BatchNorm& op, const Arguments& in) {
  const at::Tensor &x = in[0], &gamma = in[1], &beta = in[2];
  // With momentum 1 the running statistics are those of this batch. ATen's variance there is the unbiased one; its other
  // output, 1 / sqrt(variance + epsilon), has lost the small variances.
  const at::Tensor running_mean = at::zeros_like(gamma), running_variance = at::zeros_like(gamma);
  const auto [y, mean, deviation] = at::native_batch_norm(to_batch_norm_layout(x), gamma, beta, running_mean, running_variance,
                                                          /*training=*/true, /*momentum=*/1.0, op.epsilon);
  const double rows = static_cast<double>(x.numel()) / static_cast<double>(x.size(-1));
  const at::Tensor variance = rows > 1 ? running_variance.mul_((rows - 1) / rows) : at::zeros_like(gamma);
  return {from_batch_norm_layout(y, x), mean, variance};
}

AtTensors evaluate(const BatchNormGrad& op, const Arguments& in) {
  const at::Tensor &dy = in[0], &x = in[1], &gamma = in[2], &mean = in[3], &variance = in[4];
  const auto [dx, dgamma, dbeta] = at::native_batch_norm_backward(to_batch_norm_layout(dy), to_batch_norm_layout(x), gamma,
                                                                  mean, variance, mean, inverse_deviation(variance, op.epsilon),
                                                                  /*train=*/true, op.epsilon, {true, true, true});
  return {from_batch_norm_layout(dx, x), dgamma, dbeta};
}

at::Tensor evaluate(const BatchNormInference& op, const Arguments& in) {
  const at::Tensor &gamma = in[1], &beta = in[2], &mean = in[3], &variance = in[4];
  const at::Tensor scale = inverse_deviation(variance, op.epsilon).mul_(gamma);
  return at::addcmul(at::addcmul(beta, mean, scale, -1.0), in[0], scale);
}

AtTensors evaluate(const BatchNormInferenceGrad& op, const Arguments& in) {
  const at::Tensor &dy = in[0], &x = in[1], &gamma = in[2], &mean = in[3], &variance = in[4];
  const at::Tensor inverse = inverse_deviation(variance, op.epsilon);
  const std::vector<std::int64_t> axes = leading_axes(x);
  const at::Tensor dgamma = at::sub(x, mean).mul_(dy).sum(axes).mul_(inverse);
  return {at::mul(dy, gamma * inverse), dgamma, dy.sum(axes)};
}

AtTensors evaluate(const LayerNorm& op, const Arguments& in) {
  const at::Tensor& x = in[0];
  const std::int64_t axis[] = {-1};
  const auto [y, mean, deviation] = at::native_layer_norm(x, {x.size(-1)}, in[1], in[2], op.epsilon);
  // Not from `deviation`, 1 / sqrt(variance + epsilon), which has lost the small variances.
  return {y, mean.squeeze(-1), at::sub(x, mean).square_().mean(axis)};
}

AtTensors evaluate(const LayerNormGrad& op, const Arguments& in) {
  const at::Tensor &dy = in[0], &x = in[1], &gamma = in[2], &mean = in[3], &variance = in[4];
  const auto [dx, dgamma, dbeta] =
      at::native_layer_norm_backward(dy.contiguous(), x.contiguous(), {x.size(-1)}, mean.unsqueeze(-1),
                                     inverse_deviation(variance, op.epsilon).unsqueeze(-1), gamma, gamma, {true, true, true});
  return {dx, dgamma, dbeta};
}

// --- Dropout. -----------------------------------------------------------------------------------------------------

namespace {

// Host uint8, the mask that op.h defines.
at::Tensor dropout_mask(const Dropout& op, std::uint64_t step) {
  const at::Tensor mask = at::empty(op.mask_shape.extents(), at::kByte);
  auto* const kept = mask.data_ptr<std::uint8_t>();
  const Philox random(op.seed, op.stream, step);
  const std::uint32_t threshold = dropout_threshold(op.rate);
  const std::int64_t count = mask.numel(), blocks = (count + 3) / 4;
  // A block takes about 20 ns; a thread is worth waking for some 20 us.
  constexpr std::int64_t kGrain = 1024;
  at::parallel_for(0, blocks, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const auto words = random.block(static_cast<std::uint32_t>(block));
      for (std::int64_t i = 4 * block; i < std::min(4 * block + 4, count); ++i)
        kept[i] = words[static_cast<std::size_t>(i % 4)] >= threshold;
    }
  });
  return mask;
}

at::Tensor apply_mask(const at::Tensor& x, const at::Tensor& mask, double rate) {
  // At rate 1 nothing is kept, and 0 * infinity would be NaN.
  const double scale = rate < 1.0 ? 1.0 / (1.0 - rate) : 0.0;
  const at::Tensor factors = mask.to(x.scalar_type()).mul_(scale);
  return at::mul(x, factors);
}

}  // namespace

AtTensors evaluate(const Dropout& op, const Arguments& in) {
  const auto step = static_cast<std::uint64_t>(in[1].item<std::int64_t>());
  const at::Tensor mask = dropout_mask(op, step).to(in[0].device());
  return {apply_mask(in[0], mask, op.rate), mask};
}

at::Tensor evaluate(const DropoutGrad& op, const Arguments& in) { return apply_mask(in[0], in[1], op.rate); }

// --- Losses. ------------------------------------------------------------------------------------------------------

namespace {

// Keras 3's bounds of a probability inside a logarithm.
constexpr double kLowestProbability = 1e-7, kHighestProbability = 1.0 - 1e-7;

at::Tensor clip_probability(const at::Tensor& p) { return at::clamp(p, kLowestProbability, kHighestProbability); }
at::Tensor is_clipped(const at::Tensor& p) { return p.lt(kLowestProbability).logical_or_(p.gt(kHighestProbability)); }

bool is_categorical(LossKind kind) {
  return kind == LossKind::kCategoricalCrossEntropy || kind == LossKind::kSparseCategoricalCrossEntropy;
}

// One-hot rows (..., c) of labels (...); NaN where the label is no class.
at::Tensor one_hot_rows(const at::Tensor& labels, const at::Tensor& prediction) {
  const std::int64_t c = prediction.size(-1);
  const at::Tensor column = labels.unsqueeze(-1);
  const at::Tensor rows = column.eq(at::arange(c, labels.options())).to(prediction.scalar_type());
  return rows.masked_fill(column.lt(0).logical_or_(column.ge(c)), std::numeric_limits<double>::quiet_NaN());
}

// Targets as they enter the formulas: dense and smoothed.
at::Tensor dense_target(const LossAttributes& op, const at::Tensor& prediction, const at::Tensor& target) {
  const at::Tensor dense = op.kind == LossKind::kSparseCategoricalCrossEntropy ? one_hot_rows(target, prediction) : target;
  if (op.label_smoothing == 0.0 || !(is_categorical(op.kind) || op.kind == LossKind::kBinaryCrossEntropy)) return dense;
  const double uniform = is_categorical(op.kind) ? 1.0 / static_cast<double>(prediction.size(-1)) : 0.5;
  return at::mul(dense, 1.0 - op.label_smoothing).add_(uniform * op.label_smoothing);
}

at::Tensor categorical_loss(const LossAttributes& op, const at::Tensor& x, const at::Tensor& t) {
  const std::int64_t axis[] = {-1};
  const at::Tensor log_p = op.from_logits ? at::log_softmax(x, -1) : clip_probability(x / x.sum(axis, /*keepdim=*/true)).log_();
  return at::mul(t, log_p).sum(axis).neg_();
}

// From probabilities, q = p / sum(p): dloss/dq_i = -t_i / q_i, or 0 where clipped, and
// dloss/dp_i = (dloss/dq_i - sum_j dloss/dq_j q_j) / sum(p).
at::Tensor categorical_loss_grad(const LossAttributes& op, const at::Tensor& x, const at::Tensor& t) {
  const std::int64_t axis[] = {-1};
  if (op.from_logits) return at::softmax(x, -1).mul_(t.sum(axis, /*keepdim=*/true)).sub_(t);
  const at::Tensor total = x.sum(axis, /*keepdim=*/true);
  const at::Tensor q = x / total;
  // A NaN target (no class) must not be hidden by the clip.
  const at::Tensor dq = at::div(t, q).neg_().masked_fill_(is_clipped(q).logical_and_(t.eq(t)), 0.0);
  return at::sub(dq, at::mul(dq, q).sum(axis, /*keepdim=*/true)).div_(total);
}

// The losses that are means over the last axis, before the mean.
at::Tensor element_loss(const LossAttributes& op, const at::Tensor& x, const at::Tensor& t) {
  switch (op.kind) {
    case LossKind::kBinaryCrossEntropy: {
      if (op.from_logits) return at::clamp_min(x, 0.0).sub_(x * t).add_(x.abs().neg_().exp_().log1p_());
      const at::Tensor p = clip_probability(x);
      return at::add(t * p.log(), (1.0 - t) * at::log1p(-p)).neg_();
    }
    case LossKind::kMeanAbsoluteError:
      return at::sub(x, t).abs_();
    case LossKind::kHuber: {
      const at::Tensor error = at::sub(x, t).abs_();
      return at::where(error.le(op.delta), 0.5 * error * error, op.delta * (error - 0.5 * op.delta));
    }
    default:
      return at::sub(x, t).square_();
  }
}

at::Tensor element_loss_grad(const LossAttributes& op, const at::Tensor& x, const at::Tensor& t) {
  switch (op.kind) {
    case LossKind::kBinaryCrossEntropy:
      if (op.from_logits) return at::sigmoid(x).sub_(t);
      return at::div(x - t, x * (1.0 - x)).masked_fill_(is_clipped(x), 0.0);
    case LossKind::kMeanAbsoluteError:
      return at::sub(x, t).sign_();
    case LossKind::kHuber:
      return at::sub(x, t).clamp_(-op.delta, op.delta);
    default:
      return at::sub(x, t).mul_(2.0);
  }
}

}  // namespace

at::Tensor evaluate(const Loss& op, const Arguments& in) {
  const at::Tensor target = dense_target(op, in[0], in[1]);
  if (is_categorical(op.kind)) return categorical_loss(op, in[0], target);
  const std::int64_t axis[] = {-1};
  return element_loss(op, in[0], target).mean(axis);
}

at::Tensor evaluate(const LossGrad& op, const Arguments& in) {
  const at::Tensor& prediction = in[1];
  const at::Tensor dloss = in[0].unsqueeze(-1);
  const at::Tensor target = dense_target(op, prediction, in[2]);
  if (is_categorical(op.kind)) return categorical_loss_grad(op, prediction, target).mul_(dloss);
  return element_loss_grad(op, prediction, target).mul_(dloss).div_(static_cast<double>(prediction.size(-1)));
}

// --- Optimizer updates. -------------------------------------------------------------------------------------------

namespace {

double learning_rate(const Arguments& in) { return in[2].item<double>(); }

// The number of this update, from 1.
double update_number(const at::Tensor& step) { return static_cast<double>(step.item<std::int64_t>() + 1); }

// The weight to write to, decayed.
at::Tensor decayed_weight(const Arguments& in, double weight_decay, double lr) {
  at::Tensor w = in.writable(0);
  return weight_decay > 0 ? w.mul_(1.0 - lr * weight_decay) : w;
}

// average = beta * average + (1 - beta) * g, or of g squared.
at::Tensor moved_average(const Arguments& in, std::size_t i, double beta) {
  return in.writable(i).mul_(beta).add_(in[1], 1.0 - beta);
}
at::Tensor moved_square_average(const Arguments& in, std::size_t i, double beta) {
  return in.writable(i).mul_(beta).addcmul_(in[1], in[1], 1.0 - beta);
}

// Calls update(parts of `state`, part of g) for parts that stay in the cache from one arithmetic pass to the next: on the CPU a
// large weight is updated at the speed of its memory.
template <class Update>
void for_each_chunk(const AtTensors& state, const at::Tensor& g, Update update) {
  // Four arrays and a temporary of 32 Ki float32 fill 640 KiB, about a core's level 2 cache.
  constexpr std::int64_t kChunk = 32 * 1024;
  const bool flat =
      g.is_contiguous() && std::all_of(state.begin(), state.end(), [](const at::Tensor& t) { return t.is_contiguous(); });
  if (!flat || !g.device().is_cpu() || g.numel() <= kChunk) return update(state, g);
  AtTensors rows;
  for (const at::Tensor& tensor : state) rows.push_back(tensor.view(-1));
  const at::Tensor g_row = g.view(-1);
  at::parallel_for(0, (g.numel() + kChunk - 1) / kChunk, 1, [&](std::int64_t begin, std::int64_t end) {
    const c10::InferenceMode no_autograd;  // of this thread
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t count = std::min(kChunk, g_row.numel() - i * kChunk);
      AtTensors chunk;
      for (const at::Tensor& row : rows) chunk.push_back(row.narrow(0, i * kChunk, count));
      update(chunk, g_row.narrow(0, i * kChunk, count));
    }
  });
}

// Nadam's momentum schedule. Dozat, "Incorporating Nesterov momentum into Adam" (2016).
double nadam_momentum(double beta_1, double t) { return beta_1 * (1.0 - 0.5 * std::pow(0.96, t)); }

}  // namespace

AtTensors evaluate(const SgdUpdate& op, const Arguments& in) {
  const double lr = learning_rate(in);
  const at::Tensor& g = in[1];
  const at::Tensor w = decayed_weight(in, op.weight_decay, lr);
  if (op.momentum == 0.0) return {w.add_(g, -lr)};
  const at::Tensor velocity = in.writable(3).mul_(op.momentum).add_(g, -lr);
  if (op.nesterov) return {w.add_(velocity, op.momentum).add_(g, -lr), velocity};
  return {w.add_(velocity), velocity};
}

AtTensors evaluate(const AdamUpdate& op, const Arguments& in) {
  const double lr = learning_rate(in), t = update_number(in[3]);
  const double rate = lr * std::sqrt(1.0 - std::pow(op.beta_2, t)) / (1.0 - std::pow(op.beta_1, t));
  const AtTensors state{in.writable(0), in.writable(4), in.writable(5)};
  for_each_chunk(state, in[1], [&](const AtTensors& chunk, const at::Tensor& g) {
    const at::Tensor &w = chunk[0], &m = chunk[1], &v = chunk[2];
    if (op.weight_decay > 0) w.mul_(1.0 - lr * op.weight_decay);
    m.mul_(op.beta_1).add_(g, 1.0 - op.beta_1);
    v.mul_(op.beta_2).addcmul_(g, g, 1.0 - op.beta_2);
    w.addcdiv_(m, at::sqrt(v).add_(op.epsilon), -rate);
  });
  return state;
}

AtTensors evaluate(const NadamUpdate& op, const Arguments& in) {
  const double lr = learning_rate(in), t = update_number(in[3]);
  const double u = nadam_momentum(op.beta_1, t), next_u = nadam_momentum(op.beta_1, t + 1.0);
  const double product = in[6].item<double>() * u, next_product = product * next_u;
  const at::Tensor w = decayed_weight(in, op.weight_decay, lr);
  const at::Tensor m = moved_average(in, 4, op.beta_1);
  const at::Tensor v = moved_square_average(in, 5, op.beta_2);
  const at::Tensor m_hat = at::mul(m, next_u / (1.0 - next_product)).add_(in[1], (1.0 - u) / (1.0 - product));
  const at::Tensor denominator = at::div(v, 1.0 - std::pow(op.beta_2, t)).sqrt_().add_(op.epsilon);
  return {w.addcdiv_(m_hat, denominator, -lr), m, v};
}

at::Tensor evaluate(const NadamProduct& op, const Arguments& in) {
  return at::mul(in[0], nadam_momentum(op.beta_1, update_number(in[1])));
}

AtTensors evaluate(const RmspropUpdate& op, const Arguments& in) {
  const double lr = learning_rate(in);
  const at::Tensor& g = in[1];
  const bool has_momentum = op.momentum > 0;
  const at::Tensor w = decayed_weight(in, op.weight_decay, lr);
  const at::Tensor v = moved_square_average(in, 3, op.rho);
  AtTensors outputs{w, v};
  at::Tensor denominator = at::add(v, op.epsilon), mean;
  if (op.centered) {
    mean = moved_average(in, has_momentum ? 5 : 4, op.rho);
    denominator.addcmul_(mean, mean, -1.0);
  }
  denominator.sqrt_();
  if (has_momentum) {
    const at::Tensor velocity = in.writable(4).mul_(op.momentum).addcdiv_(g, denominator, lr);
    w.sub_(velocity);
    outputs.push_back(velocity);
  } else {
    w.addcdiv_(g, denominator, -lr);
  }
  if (op.centered) outputs.push_back(mean);
  return outputs;
}

AtTensors evaluate(const AdagradUpdate& op, const Arguments& in) {
  const double lr = learning_rate(in);
  const at::Tensor& g = in[1];
  const at::Tensor w = decayed_weight(in, op.weight_decay, lr);
  const at::Tensor sum = in.writable(3).addcmul_(g, g);
  return {w.addcdiv_(g, at::add(sum, op.epsilon).sqrt_(), -lr), sum};
}

at::Tensor evaluate(const Increment& op, const Arguments& in) { return at::add(in[0], op.amount); }

}  // namespace tutti
