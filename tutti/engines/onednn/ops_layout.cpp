// Moving elements about: reorders between views of row-major memory.
#include <algorithm>
#include <cstring>

#include "tutti/engines/onednn/ops.h"

namespace tutti::onednn {

using namespace op;

namespace {

// Row-major memory with its axes in their own order, images included.
Desc unpermuted_desc(const TensorType& type) {
  const Dims dims = type.shape.rank() == 0 ? Dims{1} : type.shape.extents();
  return {dims, data_type(type.dtype), Shape(dims).strides()};
}

Refusal needs_known_type(const Lowering& lowering, const Node& node) {
  const DType dtype = lowering.type(node.inputs[0]).dtype;
  return has_data_type(dtype) ? "" : std::string("oneDNN has no ") + std::string(name_of(dtype));
}

}  // namespace

Refusal lower_op(Lowering& lowering, const Node& node, const Pad& op) {
  if (Refusal refusal = needs_known_type(lowering, node); !refusal.empty()) return refusal;
  const TensorType &x_type = lowering.type(node.inputs[0]), &y_type = lowering.type(node.outputs[0]);
  const Operand x{lowering.plain(node.inputs[0]).buffer, unpermuted_desc(x_type)};
  const Desc whole = unpermuted_desc(y_type);
  const Operand y{lowering.out_plain(node.outputs[0]).buffer,
                  x_type.shape.rank() == 0 ? whole : whole.submemory_desc(x_type.shape.extents(), op.before)};
  Plan* plan = &lowering.plan();
  plan->add_loop("zero", {y.buffer},
                 [=, buffer = y.buffer, bytes = y_type.bytes()] { std::memset(plan->data<void>(buffer), 0, bytes); });
  plan->add_reorder(x, y);
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const Slice& op) {
  if (Refusal refusal = needs_known_type(lowering, node); !refusal.empty()) return refusal;
  const Desc whole = unpermuted_desc(lowering.type(node.inputs[0]));
  const Operand x{lowering.plain(node.inputs[0]).buffer, op.sizes.empty() ? whole : whole.submemory_desc(op.sizes, op.begin)};
  const Operand y{lowering.out_plain(node.outputs[0]).buffer, unpermuted_desc(lowering.type(node.outputs[0]))};
  lowering.plan().add_reorder(x, y);
  return {};
}

// Images stay in the layout of the first, if all can be blocked like it.
Refusal lower_op(Lowering& lowering, const Node& node, const Concat& op) {
  if (Refusal refusal = needs_known_type(lowering, node); !refusal.empty()) return refusal;
  const TensorType& y_type = lowering.type(node.outputs[0]);
  const auto layout = image_layout(lowering.native(node.inputs[0]).desc, lowering.type(node.inputs[0]));
  const bool blocked =
      layout && layout->tag != Tag::nhwc &&
      std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId x) { return lowering.shape(x)[3] % layout->block == 0; });
  const auto desc_for = [&](const TensorType& type) { return blocked ? desc_of(*layout, type) : plain_desc(type); };
  std::vector<Argument> arguments;
  std::vector<Desc> descs;
  for (const ValueId input : node.inputs) {
    const Operand x = lowering.in(input, desc_for(lowering.type(input)));
    arguments.push_back({DNNL_ARG_MULTIPLE_SRC + static_cast<int>(descs.size()), x});
    descs.push_back(x.desc);
  }
  const int axis = logical_axis(y_type.shape.rank(), op.axis);
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::concat::primitive_desc descriptor(cpu_engine(), desc_for(y_type), axis, descs, scratchpad_attributes());
#else
  const dnnl::concat::primitive_desc descriptor(desc_for(y_type), axis, descs, cpu_engine(), scratchpad_attributes());
#endif
  arguments.push_back({DNNL_ARG_DST, lowering.out(node.outputs[0], desc_for(y_type))});
  lowering.plan().add_primitive(descriptor, dnnl::concat(descriptor), std::move(arguments));
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const Reshape&) {
  const ValueId y = node.outputs[0];
  const Operand x = lowering.plain(node.inputs[0]);
  lowering.alias(y, {x.buffer, has_data_type(lowering.type(y).dtype) ? plain_desc(lowering.type(y)) : Desc()});
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const Transpose& op) {
  if (Refusal refusal = needs_known_type(lowering, node); !refusal.empty()) return refusal;
  const TensorType &x_type = lowering.type(node.inputs[0]), &y_type = lowering.type(node.outputs[0]);
  if (x_type.shape.rank() == 0) return "nothing to transpose";
  const Dims x_strides = x_type.shape.strides();
  Dims strides;
  for (const int axis : op.permutation) strides.push_back(x_strides[static_cast<std::size_t>(axis)]);
  const Operand x{lowering.plain(node.inputs[0]).buffer, Desc(y_type.shape.extents(), data_type(y_type.dtype), strides)};
  const Operand y{lowering.out_plain(node.outputs[0]).buffer, unpermuted_desc(y_type)};
  lowering.plan().add_reorder(x, y);
  return {};
}

}  // namespace tutti::onednn
