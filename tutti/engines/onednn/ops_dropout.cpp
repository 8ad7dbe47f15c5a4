#include "tutti/engines/onednn/loops.h"
#include "tutti/engines/onednn/ops.h"

namespace tutti::onednn {

using namespace op;

namespace {

using Extents = std::array<std::int64_t, 4>;

// The shape with ones in front, up to rank 4.
Extents padded_to_four(const Shape& shape) {
  Extents extents{1, 1, 1, 1};
  std::copy(shape.begin(), shape.end(), extents.end() - shape.rank());
  return extents;
}

// Strides of a row-major mask over x, 0 where it is broadcast.
Extents mask_strides(const Extents& mask, const Extents& x) {
  Extents strides{};
  std::int64_t stride = 1;
  for (std::size_t axis = 4; axis-- > 0; stride *= mask[axis]) strides[axis] = mask[axis] == 1 && x[axis] > 1 ? 0 : stride;
  return strides;
}

// x and the mask in one layout, each an element of the other; or both row-major.
Operand element_wise_input(Lowering& lowering, ValueId x) {
  return lowering.shape(x).rank() == 4 ? lowering.loopable(x) : lowering.plain(x);
}

// A layout for our loops of arrays of any rank in row-major memory.
ImageLayout layout_of(const Operand& operand, const TensorType& type) {
  if (const auto layout = image_layout(operand.desc, type)) return *layout;
  return {1, 1, 1, 1, type.shape.elements(), Tag::nhwc};
}

Refusal drop_broadcast(Lowering& lowering, const Node& node, const Dropout& op) {
  const Shape& shape = lowering.shape(node.inputs[0]);
  if (shape.rank() > 4) return "a broadcast mask needs at most 4 axes";
  const Extents extents = padded_to_four(shape);
  const Extents strides = mask_strides(padded_to_four(op.mask_shape), extents);
  const std::int64_t count = op.mask_shape.elements();
  const BufferId x = lowering.plain(node.inputs[0]).buffer, step = lowering.plain(node.inputs[1]).buffer;
  const BufferId y = lowering.out_plain(node.outputs[0]).buffer, mask = lowering.out_plain(node.outputs[1]).buffer;
  Plan* plan = &lowering.plan();
  plan->add_loop("dropout", {x, step, y, mask}, [=] {
    std::uint8_t* kept = plan->data<std::uint8_t>(mask);
    draw_mask(op, static_cast<std::uint64_t>(*plan->data<std::int64_t>(step)), count, kept);
    apply_broadcast_mask(extents, strides, op.rate, plan->data<float>(x), kept, plan->data<float>(y));
  });
  return {};
}

}  // namespace

Refusal lower_op(Lowering& lowering, const Node& node, const Dropout& op) {
  const ValueId x_value = node.inputs[0];
  if (op.mask_shape != lowering.shape(x_value)) return drop_broadcast(lowering, node, op);
  const Operand x = element_wise_input(lowering, x_value);
  const ImageLayout layout = layout_of(x, lowering.type(x_value));
  const bool image = lowering.shape(x_value).rank() == 4;
  const TensorType& mask_type = lowering.type(node.outputs[1]);
  const BufferId y = lowering.out(node.outputs[0], x.desc).buffer;
  const BufferId mask = lowering.out(node.outputs[1], image ? desc_of(layout, mask_type) : plain_desc(mask_type)).buffer;
  const BufferId step = lowering.plain(node.inputs[1]).buffer;
  Plan* plan = &lowering.plan();
  plan->add_loop("dropout", {x.buffer, step, y, mask}, [=, x = x.buffer] {
    dropout(op, static_cast<std::uint64_t>(*plan->data<std::int64_t>(step)), layout, plan->data<float>(x), plan->data<float>(y),
            plan->data<std::uint8_t>(mask));
  });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const DropoutGrad& op) {
  const ValueId dy_value = node.inputs[0], mask_value = node.inputs[1];
  Plan* plan = &lowering.plan();
  if (lowering.shape(mask_value) == lowering.shape(dy_value)) {
    const bool image = lowering.shape(dy_value).rank() == 4;
    const Operand dy = image ? lowering.loopable_as(mask_value, dy_value) : lowering.plain(dy_value);
    const BufferId mask = lowering.in_layout_of(dy, dy_value, mask_value).buffer;
    const BufferId dx = lowering.out_in_place(node.outputs[0], dy_value, dy).buffer;
    const std::int64_t count = lowering.shape(dy_value).elements();
    plan->add_loop("dropout_grad", {dy.buffer, mask, dx}, [=, rate = op.rate, dy = dy.buffer] {
      apply_mask(count, rate, plan->data<float>(dy), plan->data<std::uint8_t>(mask), plan->data<float>(dx));
    });
    return {};
  }
  if (lowering.shape(dy_value).rank() > 4) return "a broadcast mask needs at most 4 axes";
  const Extents extents = padded_to_four(lowering.shape(dy_value));
  const Extents strides = mask_strides(padded_to_four(lowering.shape(mask_value)), extents);
  const BufferId dy = lowering.plain(dy_value).buffer, mask = lowering.plain(mask_value).buffer;
  const BufferId dx = lowering.out_plain(node.outputs[0]).buffer;
  plan->add_loop("dropout_grad", {dy, mask, dx}, [=, rate = op.rate] {
    apply_broadcast_mask(extents, strides, rate, plan->data<float>(dy), plan->data<std::uint8_t>(mask), plan->data<float>(dx));
  });
  return {};
}

}  // namespace tutti::onednn
