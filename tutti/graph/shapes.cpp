#include "tutti/base/error.h"
#include "tutti/graph/graph.h"
#include "tutti/graph/shape_rules.h"
#include "tutti/graph/type_checks.h"

namespace tutti {

std::vector<TensorType> infer_types(const Op& op, std::span<const TensorType> inputs) {
  std::vector<TensorType> outputs =
      std::visit([&](const auto& attributes) { return shape_rules::infer(attributes, inputs); }, op);
  for (const TensorType& output : outputs) check_type(name_of(op), "an output", output);
  return outputs;
}

}  // namespace tutti
