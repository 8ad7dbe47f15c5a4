// The plug-in's face: which devices there are, and an engine on one of them.
#include <charconv>
#include <optional>

#include <ATen/Context.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/version.h>

#include <fmt/ranges.h>

#include "tutti/base/error.h"
#include "tutti/engines/engines.h"
#include "tutti/engines/torch/program.h"

namespace tutti {
namespace {

class TorchEngine final : public Engine {
 public:
  explicit TorchEngine(c10::Device device) : device_(device), device_name_(device.str()) {}

  std::string_view name() const override { return "torch"; }
  std::string_view device() const override { return device_name_; }
  Prepared prepare(const OpCall& call) override { return prepare_for_torch(call, device_); }
  std::unique_ptr<Program> compile(const Graph& graph, Program* sharing) override {
    return compile_for_torch(graph, device_, sharing);
  }

 private:
  c10::Device device_;
  std::string device_name_;
};

int cuda_device_count() {
  if (!c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA)) return 0;
  return c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->deviceCount();
}

std::vector<std::string> device_names() {
  std::vector<std::string> names{"cpu"};
  for (int i = 0; i < cuda_device_count(); ++i) names.push_back(fmt::format("cuda:{}", i));
  return names;
}

// The CUDA device that "cuda" or "cuda:N" asks for; nothing if it is not there.
std::optional<c10::Device> cuda_device(std::string_view name) {
  int index = 0;
  if (name != "cuda") {
    constexpr std::string_view kPrefix = "cuda:";
    if (!name.starts_with(kPrefix)) return std::nullopt;
    const std::string_view number = name.substr(kPrefix.size());
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
    if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  }
  if (index < 0 || index >= cuda_device_count()) return std::nullopt;
  return c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index));
}

std::shared_ptr<Engine> make(std::string_view device) {
  if (device.empty() || device == "cpu") return std::make_shared<TorchEngine>(c10::Device(c10::DeviceType::CPU));
  const auto cuda = cuda_device(device);
  if (!cuda)
    fail("torch engine", "there is no such device here{}. Expected one of {}. Got {}.",
         cuda_device_count() == 0 ? " (this LibTorch has no CUDA, or finds no GPU)" : "", fmt::join(device_names(), ", "),
         device);
  // float32 means float32: not the ten-bit mantissa of TF32.
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setFloat32MatmulPrecision("highest");
  // Every program has one batch size, so that the fastest algorithm is worth a search.
  at::globalContext().setBenchmarkCuDNN(true);
  return std::make_shared<TorchEngine>(*cuda);
}

EngineInfo info() {
  EngineInfo result{.name = "torch", .version = TORCH_VERSION};
  try {
    result.devices = device_names();
    result.available = true;
  } catch (const std::exception& error) {
    result.reason = error.what();
  }
  return result;
}

constexpr EnginePlugin kPlugin{kPluginVersion, info, make};

}  // namespace
}  // namespace tutti

extern "C" __attribute__((visibility("default"))) const tutti::EnginePlugin* tutti_engine_plugin() { return &tutti::kPlugin; }
