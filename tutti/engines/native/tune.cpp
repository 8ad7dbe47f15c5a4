#include "tutti/engines/native/tune.h"

#include <chrono>
#include <fstream>
#include <mutex>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/log.h"
#include "tutti/engines/native/isa/instruction_set.h"
#include "tutti/engines/native/winograd.h"

namespace tutti::native {
namespace {

using Clock = std::chrono::steady_clock;

// A convolution's kernel (k_h, k_w, c_in / groups, c_out), and y, dx or dy: what its work is counted in.
struct ConvShapes {
  ConvAttributes attributes;
  Shape kernel, y;
};

ConvShapes shapes_of(const OpCall& call) {
  const auto attributes = [](const ConvAttributes& op) { return op; };
  if (const auto* conv = std::get_if<Conv2D>(&call.op)) return {attributes(*conv), call.inputs[1].shape, call.outputs[0].shape};
  if (const auto* grad = std::get_if<Conv2DInputGrad>(&call.op))
    return {attributes(*grad), call.inputs[1].shape, call.outputs[0].shape};
  return {attributes(std::get<Conv2DKernelGrad>(call.op)), call.outputs[0].shape, call.inputs[1].shape};
}

Prepared prepare_any(const OpCall& call, ConvAlgorithm algorithm) {
  if (const auto* conv = std::get_if<Conv2D>(&call.op)) return prepare_conv(call, *conv, algorithm);
  if (const auto* grad = std::get_if<Conv2DInputGrad>(&call.op)) return prepare_conv(call, *grad, algorithm);
  return prepare_conv(call, std::get<Conv2DKernelGrad>(call.op), algorithm);
}

// Between two runs a program computes other layers, whose values take the cores' own caches: a candidate that needs more
// memory, as transformed weights do, must pay for fetching it.
void forget_caches() {
  constexpr std::int64_t kLine = 16, kShare = std::int64_t{1} << 20;  // 4 MiB a thread
  static Tensor memory(Shape{kShare * num_threads()});
  if (memory.elements() != kShare * num_threads()) memory = Tensor(Shape{kShare * num_threads()});
  float* values = memory.data<float>().data();
  parallel_for(0, num_threads(), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first * kShare; i < last * kShare; i += kLine) values[i] += 1;
  });
}

// A candidate on memory of its own.
class Contender {
 public:
  Contender(const OpCall& call, ConvAlgorithm algorithm) : algorithm_(algorithm), kernel_(prepare_any(call, algorithm).kernel) {
    for (const TensorType& type : call.inputs) inputs_.emplace_back(type.shape);
    for (const TensorType& type : call.outputs) outputs_.emplace_back(type.shape);
    for (Tensor& input : inputs_) std::ranges::fill(input.data<float>(), 0.5f);
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      in_.push_back({inputs_[i].raw(), inputs_[i].type().dtype, &inputs_[i].shape()});
    for (Tensor& output : outputs_) out_.push_back({output.raw(), output.type().dtype, &output.shape()});
  }

  void run() {
    forget_caches();
    const Clock::time_point start = Clock::now();
    kernel_->run(in_, out_);
    seconds_.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  void forget() { seconds_.clear(); }
  double median() {
    const auto middle = seconds_.begin() + static_cast<std::ptrdiff_t>(seconds_.size() / 2);
    std::ranges::nth_element(seconds_, middle);
    return *middle;
  }
  ConvAlgorithm algorithm() const { return algorithm_; }

 private:
  ConvAlgorithm algorithm_;
  std::unique_ptr<Kernel> kernel_;
  std::vector<Tensor> inputs_, outputs_;
  std::vector<ConstView> in_;
  std::vector<View> out_;
  std::vector<double> seconds_;
};

// The candidates take turns, so that a change of the machine's speed meets all of them.
ConvAlgorithm measure(const OpCall& call, const std::vector<ConvAlgorithm>& candidates, std::string_view key) {
  constexpr int kRounds = 75;  // small kernels take microseconds, and other processes milliseconds
  constexpr std::chrono::milliseconds kBudget(60);
  // What another algorithm must gain over the default: less is noise.
  constexpr double kGain = 0.97;
  std::vector<Contender> contenders;
  for (const ConvAlgorithm algorithm : candidates) contenders.emplace_back(call, algorithm);
  for (Contender& contender : contenders) contender.run(), contender.forget();
  const Clock::time_point start = Clock::now();
  for (int round = 0; round == 0 || (round < kRounds && Clock::now() - start < kBudget); ++round)
    for (Contender& contender : contenders) contender.run();
  const ConvAlgorithm usual = default_conv(call);
  ConvAlgorithm best = usual;
  double least = 0;
  for (Contender& contender : contenders)
    if (contender.algorithm() == usual) least = kGain * contender.median();
  for (Contender& contender : contenders) {
    log_debug("{}: {} takes {:.3f} ms", key, conv_name(contender.algorithm()), 1e3 * contender.median());
    if (contender.algorithm() != usual && contender.median() < least) {
      best = contender.algorithm();
      least = contender.median();
    }
  }
  return best;
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line))  // the second is AArch64's
    if (line.starts_with("model name") || line.starts_with("CPU part")) return line.substr(line.find(':') + 1);
  return "unknown processor";
}

std::string key_of(const OpCall& call) {
  static const std::string cpu = processor();
  std::string key = fmt::format("tutti {},{}, {}, {} threads: {} {}", TUTTI_VERSION, cpu, instruction_set(), num_threads(),
                                name_of(call.op), attributes_of(call.op));
  for (const TensorType& type : call.inputs) key += " " + to_string(type.shape);
  if (call.is_constant(1)) key += ", constant";  // what is made of it is made once
  return key + " -> " + to_string(call.outputs[0].shape);
}

bool tuning_on() { return env("TUTTI_NATIVE_TUNE", "0") != "0"; }

}  // namespace

std::string_view conv_name(ConvAlgorithm algorithm) { return algorithm == ConvAlgorithm::kWinograd4x4 ? kWinograd4 : kDirect; }

std::vector<ConvAlgorithm> conv_candidates(const OpCall& call) {
  const ConvShapes shapes = shapes_of(call);
  std::vector<ConvAlgorithm> candidates{ConvAlgorithm::kDirectSum};
  if (shapes.y.elements() > 0 && winograd_fits(shapes.attributes, shapes.kernel))
    candidates.push_back(ConvAlgorithm::kWinograd4x4);
  return candidates;
}

ConvAlgorithm default_conv(const OpCall& call) {
  const ConvShapes shapes = shapes_of(call);
  const bool winograd = winograd_fits(shapes.attributes, shapes.kernel) && winograd_pays(shapes.kernel, shapes.y);
  return winograd ? ConvAlgorithm::kWinograd4x4 : ConvAlgorithm::kDirectSum;
}

ConvAlgorithm choose_conv(const OpCall& call) {
  if (!tuning_on()) return default_conv(call);
  const std::vector<ConvAlgorithm> candidates = conv_candidates(call);
  if (candidates.size() == 1) return candidates.front();
  // Also keeps two measurements from disturbing each other.
  static std::mutex mutex;
  static std::optional<TuningCache> cache;
  const std::lock_guard lock(mutex);
  const std::filesystem::path path = cache_dir() / "native-tuning.json";
  if (!cache || cache->path() != path) cache.emplace(path);
  const std::string key = key_of(call);
  const auto algorithm_of = [&](const std::optional<std::string>& name) -> std::optional<ConvAlgorithm> {
    for (const ConvAlgorithm candidate : candidates)
      if (name == conv_name(candidate)) return candidate;
    return std::nullopt;
  };
  if (const auto known = algorithm_of(cache->find(key))) return *known;
  const ConvAlgorithm best = measure(call, candidates, key);
  cache->put(key, conv_name(best));
  return algorithm_of(cache->find(key)).value_or(best);  // another process may have been first
}

TuningCache::TuningCache(std::filesystem::path path) : path_(std::move(path)) { read(); }

std::optional<std::string> TuningCache::find(const std::string& key) const {
  const auto found = choices_.find(key);
  return found == choices_.end() ? std::nullopt : std::optional(found->second);
}

void TuningCache::put(const std::string& key, std::string_view choice) {
  read();
  choices_.try_emplace(key, choice);
  try {
    write_file_atomically(path_, nlohmann::json{{"choices", choices_}}.dump(1) + "\n");
  } catch (const std::exception& error) {
    tell(error.what());
  }
}

void TuningCache::read() {
  try {
    if (!std::filesystem::exists(path_)) return;
    const auto file = nlohmann::json::parse(read_file(path_, 1 << 24));
    for (const auto& [key, choice] : file.at("choices").items()) choices_.try_emplace(key, choice.get<std::string>());
  } catch (const std::exception& error) {
    tell(error.what());
  }
}

void TuningCache::tell(std::string_view problem) {
  if (!told_) log_info("The tuning of the native engine is measured again and not all kept: {}", problem);
  told_ = true;
}

}  // namespace tutti::native
