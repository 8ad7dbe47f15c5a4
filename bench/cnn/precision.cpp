// The rounding errors of the native engine's convolutions: each 3 x 3 layer of the reference CNN, forward and both gradients,
// as direct sums and by Winograd's algorithm, against the reference engine in double precision. Prints a Markdown table of the
// root mean square and the largest error, both relative to the root mean square of the exact result.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "tutti/base/philox.h"
#include "tutti/engines/engines.h"
#include "tutti/engines/reference/reference.h"

namespace tutti {
namespace {

using namespace op;

constexpr std::int64_t kBatch = 4;

struct Layer {
  const char* name;
  std::int64_t size, c_in, c_out;
  int pad;
};
constexpr Layer kLayers[] = {
    {"conv1", 32, 3, 32, 1}, {"conv2", 32, 32, 32, 0}, {"conv3", 15, 32, 64, 1}, {"conv4", 15, 64, 64, 0}};

Tensor normal(const Shape& shape, std::uint32_t stream, double scale) {
  Tensor tensor(shape);
  const Philox random(1, stream);
  std::uint64_t i = 0;
  for (float& value : tensor.data<float>()) value = static_cast<float>(scale * random.normal(i++));
  return tensor;
}

// What a convolution is fed: half of its inputs are zero, as behind a relu.
Tensor activations(const Shape& shape) {
  Tensor tensor = normal(shape, 1, 1.0);
  for (float& value : tensor.data<float>()) value = std::max(value, 0.0f);
  return tensor;
}

Tensor run(Engine& engine, const Op& op, const std::vector<Tensor>& inputs) {
  OpCall call{op, {}, {}};
  std::vector<ConstView> in;
  for (const Tensor& tensor : inputs) {
    call.inputs.push_back(tensor.type());
    in.push_back(tensor.view());
  }
  call.outputs = infer_types(op, call.inputs);
  Tensor result(call.outputs.front());
  const View out = result.view();
  engine.prepare(call).kernel->run(in, {&out, 1});
  return result;
}

std::string error_of(const Tensor& got, const Tensor& exact) {
  double error = 0, largest = 0, size = 0;
  for (std::size_t i = 0; i < exact.data<double>().size(); ++i) {
    const double want = exact.data<double>()[i], difference = std::abs(got.data<float>()[i] - want);
    error += difference * difference;
    largest = std::max(largest, difference);
    size += want * want;
  }
  const auto count = static_cast<double>(exact.elements());
  return fmt::format("{:.1e} | {:.1e}", std::sqrt(error / size), largest / std::sqrt(size / count));
}

void print_row(const char* layer, const char* direction, const Op& op, const std::vector<Tensor>& inputs) {
  static const std::shared_ptr<Engine> native = make_engine("native"), reference = make_reference_engine();
  std::vector<Tensor> exact_inputs;
  for (const Tensor& tensor : inputs) exact_inputs.push_back(tensor.cast(DType::kFloat64));
  const Tensor exact = run(*reference, op, exact_inputs);
  setenv("TUTTI_NATIVE_PRECISION", "strict", 1);
  const std::string direct = error_of(run(*native, op, inputs), exact);
  unsetenv("TUTTI_NATIVE_PRECISION");
  fmt::print("| {} {} | {} | {} |\n", layer, direction, direct, error_of(run(*native, op, inputs), exact));
}

void print_layer(const Layer& layer) {
  const ConvAttributes attributes{.padding = {layer.pad, layer.pad, layer.pad, layer.pad}};
  const std::int64_t o = layer.size + 2 * layer.pad - 2;
  const Tensor x = activations({kBatch, layer.size, layer.size, layer.c_in});
  // Glorot's scale.
  const Tensor kernel =
      normal({3, 3, layer.c_in, layer.c_out}, 2, std::sqrt(2 / (9.0 * static_cast<double>(layer.c_in + layer.c_out))));
  const Tensor dy = normal({kBatch, o, o, layer.c_out}, 3, 1.0);
  print_row(layer.name, "forward", Conv2D{attributes}, {x, kernel});
  print_row(layer.name, "input gradient", Conv2DInputGrad{attributes, x.shape()}, {dy, kernel});
  print_row(layer.name, "kernel gradient", Conv2DKernelGrad{attributes, kernel.shape()}, {x, dy});
}

}  // namespace
}  // namespace tutti

int main() {
  fmt::print("| | direct: rms | largest | as chosen: rms | largest |\n|---|---|---|---|---|\n");
  for (const tutti::Layer& layer : tutti::kLayers) tutti::print_layer(layer);
}
