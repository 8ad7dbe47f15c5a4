#include "must_support.h"

#include <algorithm>
#include <string>
#include <vector>

namespace tutti::conformance {
namespace {

struct Row {
  std::string_view engine;
  std::vector<DType> dtypes;
  std::vector<std::string_view> ops;  // empty: all
};

const std::vector<Row>& rows() {
  static const std::vector<Row> rows{
      {"reference", {DType::kFloat32, DType::kFloat64}, {}},
      {"native", {DType::kFloat32}, {}},
      {"torch", {DType::kFloat32, DType::kFloat64}, {}},
      // oneDNN computes in float32 only.
      {"onednn", {DType::kFloat32}, {"Conv2D",      "Conv2DInputGrad", "Conv2DKernelGrad", "MatMul",
                                     "MaxPool2D",   "MaxPool2DGrad",   "AveragePool2D",    "AveragePool2DGrad",
                                     "Activation",  "ActivationGrad",  "Reduce",           "Softmax",
                                     "SoftmaxGrad", "BatchNorm",       "BatchNormGrad",    "BatchNormInference",
                                     "LayerNorm",   "Dropout",         "DropoutGrad",      "Pad",
                                     "Concat",      "Upsample2D",      "Upsample2DGrad",   "Reshape",
                                     "Transpose",   "SgdUpdate",       "AdamUpdate"}},
  };
  return rows;
}

}  // namespace

bool must_support(std::string_view engine, const OpCall& call) {
  // A call with any float64 value counts as float64: learning rates are float32 in every call.
  DType dtype = DType::kFloat32;
  for (const std::vector<TensorType>* types : {&call.outputs, &call.inputs})
    for (const TensorType& type : *types)
      if (type.dtype == DType::kFloat64) dtype = DType::kFloat64;
  const auto row = std::find_if(rows().begin(), rows().end(), [&](const Row& candidate) { return candidate.engine == engine; });
  if (row == rows().end() || std::find(row->dtypes.begin(), row->dtypes.end(), dtype) == row->dtypes.end()) return false;
  return row->ops.empty() || std::find(row->ops.begin(), row->ops.end(), name_of(call.op)) != row->ops.end();
}

}  // namespace tutti::conformance
