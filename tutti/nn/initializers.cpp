#include "tutti/nn/initializers.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "tutti/base/error.h"
#include "tutti/base/philox.h"
#include "tutti/nn/json_fields.h"

namespace tutti {
namespace {

// The standard deviation of a standard normal cut at two sigma; Keras divides by it.
constexpr double kTruncatedStddev = 0.87962566103423978;

struct NamedScaling {
  const char* class_name;
  double scale;
  Initializer::Mode mode;
  Initializer::Distribution distribution;
};
using Mode = Initializer::Mode;
using Distribution = Initializer::Distribution;
constexpr NamedScaling kScalings[] = {
    {"GlorotUniform", 1.0, Mode::kFanAverage, Distribution::kUniform},
    {"GlorotNormal", 1.0, Mode::kFanAverage, Distribution::kTruncatedNormal},
    {"HeUniform", 2.0, Mode::kFanIn, Distribution::kUniform},
    {"HeNormal", 2.0, Mode::kFanIn, Distribution::kTruncatedNormal},
    {"LecunUniform", 1.0, Mode::kFanIn, Distribution::kUniform},
    {"LecunNormal", 1.0, Mode::kFanIn, Distribution::kTruncatedNormal},
};

struct NamedKind {
  const char* class_name;
  Initializer::Kind kind;
};
using Kind = Initializer::Kind;
constexpr NamedKind kKinds[] = {{"Zeros", Kind::kZeros},
                                {"Ones", Kind::kOnes},
                                {"Constant", Kind::kConstant},
                                {"Identity", Kind::kIdentity},
                                {"RandomNormal", Kind::kRandomNormal},
                                {"RandomUniform", Kind::kRandomUniform},
                                {"TruncatedNormal", Kind::kTruncatedNormal},
                                {"VarianceScaling", Kind::kVarianceScaling},
                                {"Orthogonal", Kind::kOrthogonal}};

// "glorot_uniform", "GlorotUniform" -> "glorotuniform"; Keras's other names of a class become the first.
std::string key_of(std::string_view name) {
  std::string key;
  for (const char c : name)
    if (c != '_') key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (key == "normal") return "randomnormal";
  if (key == "uniform") return "randomuniform";
  if (key == "zero") return "zeros";
  if (key == "one") return "ones";
  if (key == "identityinitializer") return "identity";
  if (key == "orthogonalinitializer") return "orthogonal";
  return key;
}

struct Fans {
  double in, out;
};

Fans fans_of(const Shape& shape) {
  if (shape.rank() == 0) return {1, 1};
  if (shape.rank() == 1) return {static_cast<double>(shape[0]), static_cast<double>(shape[0])};
  double spatial = 1;
  for (int axis = 0; axis < shape.rank() - 2; ++axis) spatial *= static_cast<double>(shape[axis]);
  return {spatial * static_cast<double>(shape[-2]), spatial * static_cast<double>(shape[-1])};
}

// A standard normal cut at two sigma: draws of "index" are tried in a lane of its own until one fits, so that element i
// does not depend on the others.
double truncated_normal(std::uint64_t seed, std::uint32_t stream, std::uint64_t index) {
  for (std::uint64_t attempt = 0;; ++attempt) {
    const double value = Philox(seed, stream, attempt).normal(index);
    if (std::abs(value) <= 2.0) return value;
  }
}

// Rows of a random normal matrix made orthonormal by modified Gram-Schmidt: the Q of a QR with positive diagonal, as Keras.
std::vector<double> orthonormal(std::int64_t rows, std::int64_t columns, std::uint64_t seed, std::uint32_t stream) {
  const bool wide = rows < columns;
  const auto count = static_cast<std::size_t>(wide ? rows : columns), length = static_cast<std::size_t>(wide ? columns : rows);
  const Philox random(seed, stream);
  std::vector<double> vectors(count * length);
  for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] = random.normal(i);
  for (std::size_t i = 0; i < count; ++i) {
    double* current = &vectors[i * length];
    // Twice is enough (Kahan, Parlett) for orthogonality to rounding.
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t j = 0; j < i; ++j) {
        const double* other = &vectors[j * length];
        double product = 0;
        for (std::size_t k = 0; k < length; ++k) product += current[k] * other[k];
        for (std::size_t k = 0; k < length; ++k) current[k] -= product * other[k];
      }
    double norm = 0;
    for (std::size_t k = 0; k < length; ++k) norm += current[k] * current[k];
    norm = std::sqrt(norm);
    for (std::size_t k = 0; k < length; ++k) current[k] /= norm;
  }
  if (wide) return vectors;
  std::vector<double> transposed(vectors.size());
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t k = 0; k < length; ++k) transposed[k * count + i] = vectors[i * length + k];
  return transposed;
}

}  // namespace

Initializer::Initializer(std::string_view keras_name) {
  const std::string key = key_of(keras_name);
  for (const NamedScaling& row : kScalings)
    if (key == key_of(row.class_name)) {
      name = row.class_name;
      kind = Kind::kVarianceScaling;
      scale = row.scale;
      mode = row.mode;
      distribution = row.distribution;
      return;
    }
  for (const NamedKind& row : kKinds)
    if (key == key_of(row.class_name)) {
      name = row.class_name;
      kind = row.kind;
      if (kind == Kind::kIdentity || kind == Kind::kOrthogonal) value = 1.0;
      return;
    }
  fail("Initializer",
       "unknown initializer. Expected zeros, ones, constant, glorot_uniform, glorot_normal, he_uniform, he_normal, "
       "lecun_uniform, lecun_normal, random_normal, random_uniform, truncated_normal, variance_scaling, orthogonal or "
       "identity. Got {}.",
       keras_name);
}

Tensor Initializer::operator()(const Shape& shape, std::uint64_t seed, std::uint32_t stream) const {
  Tensor tensor(shape);
  const auto data = tensor.data<float>();
  const Philox random(seed, stream);
  const auto fill = [&](auto&& draw) {
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(draw(i));
  };
  const auto uniform = [&](double from, double to) {
    fill([&](std::size_t i) { return from + (to - from) * random.uniform(i); });
  };
  switch (kind) {
    case Kind::kZeros:
      break;
    case Kind::kOnes:
      std::ranges::fill(data, 1.f);
      break;
    case Kind::kConstant:
      std::ranges::fill(data, static_cast<float>(value));
      break;
    case Kind::kIdentity: {
      if (shape.rank() != 2) fail("Identity", "needs a matrix. Got shape {}.", to_string(shape));
      for (std::int64_t i = 0; i < std::min(shape[0], shape[1]); ++i)
        data[static_cast<std::size_t>(i * shape[1] + i)] = static_cast<float>(value);
      break;
    }
    case Kind::kRandomNormal:
      fill([&](std::size_t i) { return mean + stddev * random.normal(i); });
      break;
    case Kind::kRandomUniform:
      uniform(low, high);
      break;
    case Kind::kTruncatedNormal:
      fill([&](std::size_t i) { return mean + stddev * truncated_normal(seed, stream, i); });
      break;
    case Kind::kVarianceScaling: {
      const Fans fans = fans_of(shape);
      const double fan = mode == Mode::kFanIn ? fans.in : mode == Mode::kFanOut ? fans.out : (fans.in + fans.out) / 2;
      const double variance = scale / std::max(1.0, fan);
      if (distribution == Distribution::kUniform) {
        uniform(-std::sqrt(3 * variance), std::sqrt(3 * variance));
      } else if (distribution == Distribution::kTruncatedNormal) {
        const double sigma = std::sqrt(variance) / kTruncatedStddev;
        fill([&](std::size_t i) { return sigma * truncated_normal(seed, stream, i); });
      } else {
        fill([&](std::size_t i) { return std::sqrt(variance) * random.normal(i); });
      }
      break;
    }
    case Kind::kOrthogonal: {
      if (shape.rank() < 2) fail("Orthogonal", "needs at least two axes. Got shape {}.", to_string(shape));
      const std::vector<double> matrix = orthonormal(shape.elements() / shape[-1], shape[-1], seed, stream);
      fill([&](std::size_t i) { return value * matrix[i]; });
      break;
    }
  }
  return tensor;
}

namespace {

constexpr std::string_view kModeNames[] = {"fan_in", "fan_out", "fan_avg"};
constexpr std::string_view kDistributionNames[] = {"uniform", "truncated_normal", "untruncated_normal"};

template <class Enum, std::size_t N>
Enum find_name(const std::string_view (&names)[N], const std::string& name, const char* what) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == name || (name == "normal" && names[i] == "truncated_normal")) return static_cast<Enum>(i);
  fail("VarianceScaling", "unknown {}. Got {}.", what, name);
}

}  // namespace

Initializer Initializer::from_config(const Json& config) {
  if (config.is_null()) return "zeros";
  const NamedConfig named = read_named_config("Initializer", config);
  Initializer result(named.name);
  if (!named.options) return result;
  const JsonFields options(result.name, *named.options);
  switch (result.kind) {
    case Kind::kZeros:
    case Kind::kOnes:
      break;
    case Kind::kConstant:
      result.value = options.number("value", 0.0);
      break;
    case Kind::kIdentity:
    case Kind::kOrthogonal:
      result.value = options.number("gain", 1.0);
      break;
    case Kind::kRandomNormal:
    case Kind::kTruncatedNormal:
      result.mean = options.number("mean", result.mean);
      result.stddev = options.number("stddev", result.stddev);
      break;
    case Kind::kRandomUniform:
      result.low = options.number("minval", result.low);
      result.high = options.number("maxval", result.high);
      break;
    case Kind::kVarianceScaling:
      if (result.name != "VarianceScaling") break;
      result.scale = options.number("scale", result.scale);
      if (!(result.scale > 0)) fail("VarianceScaling", "scale must be positive. Got {}.", result.scale);
      result.mode = find_name<Mode>(kModeNames, options.text("mode", "fan_in"), "mode");
      result.distribution =
          find_name<Distribution>(kDistributionNames, options.text("distribution", "truncated_normal"), "distribution");
      break;
  }
  return result;
}

Json Initializer::config() const {
  Json options = Json::object();
  switch (kind) {
    case Kind::kZeros:
    case Kind::kOnes:
      break;
    case Kind::kConstant:
      options["value"] = value;
      break;
    case Kind::kIdentity:
      options["gain"] = value;
      break;
    case Kind::kOrthogonal:
      options["seed"] = nullptr, options["gain"] = value;
      break;
    case Kind::kRandomNormal:
    case Kind::kTruncatedNormal:
      options["seed"] = nullptr, options["mean"] = mean, options["stddev"] = stddev;
      break;
    case Kind::kRandomUniform:
      options["seed"] = nullptr, options["minval"] = low, options["maxval"] = high;
      break;
    case Kind::kVarianceScaling:
      options["seed"] = nullptr;
      if (name == "VarianceScaling") {
        options["scale"] = scale;
        options["mode"] = kModeNames[static_cast<int>(mode)];
        options["distribution"] = kDistributionNames[static_cast<int>(distribution)];
      }
      break;
  }
  return {{"module", "keras.initializers"}, {"class_name", name}, {"config", options}, {"registered_name", nullptr}};
}

}  // namespace tutti
