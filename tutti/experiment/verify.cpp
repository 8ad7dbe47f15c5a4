#include "tutti/experiment/verify.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/philox.h"
#include "tutti/data/batches.h"
#include "tutti/engines/engines.h"
#include "tutti/experiment/member.h"
#include "tutti/experiment/model_file.h"
#include "tutti/experiment/splits.h"
#include "tutti/nn/graph_writer.h"

namespace tutti {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// All outputs of a graph, by name.
using Outputs = std::map<std::string, Tensor>;

Outputs run_step(const Model& model, const Graph& graph, Engine& engine, const Batch& batch) {
  const std::unique_ptr<Program> program = engine.compile(graph);
  for (const LayerPtr& layer : model.layers())
    for (const Weight& weight : layer->weights())
      if (const auto variable = graph.find_variable(variable_name(*layer, weight))) program->write(*variable, weight.value);
  if (const auto rate = graph.find_variable(kLearningRateVariable))
    program->write(*rate, Tensor::of<float>({}, {static_cast<float>(model.compiled().optimizer.learning_rate)}));
  const std::vector<Feed> feeds = {{*graph.find_input("x"), batch.x.view()}, {*graph.find_input("y"), batch.y.view()}};
  Outputs outputs;
  std::vector<Fetch> fetches;
  for (const NamedValue& output : graph.outputs()) {
    const auto [entry, is_new] = outputs.emplace(output.name, Tensor(graph.type(output.value)));
    if (is_new) fetches.push_back({output.value, entry->second.view()});
  }
  program->run(feeds, fetches);
  return outputs;
}

double relative_difference(const Tensor& got, const Tensor& want) {
  double difference = 0, size = 0;
  const auto a = got.data<float>(), b = want.data<float>();
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double delta = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += delta * delta;
    size += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  if (difference == 0) return 0;
  return std::isfinite(difference) && size > 0 ? std::sqrt(difference / size) : kInfinity;
}

// Of the output named `name`; NaN if neither graph has it.
double difference_at(const Outputs& got, const Outputs& want, const std::string& name) {
  const auto b = want.find(name);
  return b == want.end() ? kNone : relative_difference(got.at(name), b->second);
}

double larger(double a, double b) { return std::isnan(a) || b > a ? b : a; }

std::string ratio_text(double value) { return std::isinf(value) ? "no finite number" : fmt::format("{:.2g}", value); }

// Every weight moved to the next number above or below.
void nudge(Model& model, std::uint64_t seed) {
  std::vector<Tensor> weights = model.get_weights();
  std::uint32_t stream = 0;
  for (Tensor& weight : weights) {
    const Philox random(seed, stream++);
    const auto values = weight.data<float>();
    constexpr float kEnd = std::numeric_limits<float>::infinity();
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i] != 0) values[i] = std::nextafter(values[i], random.uniform(i) < 0.5f ? -kEnd : kEnd);
  }
  model.set_weights(weights);
}

// The losses of some steps of training. `nudged`: 0, or which of the trainings that begin a rounding error away.
std::vector<double> losses_of(const Spec& spec, const std::string& engine, const Dataset& data, int steps,
                              std::uint64_t nudged = 0) {
  Model model = model_from_file(spec.model);
  model.initialize(spec.fit.seed.value_or(seed()));
  if (nudged > 0) nudge(model, nudged);
  CompileOptions options = compile_options(spec.fit);
  options.engine = engine;
  model.compile(options);
  std::vector<double> losses;
  for (std::uint64_t epoch = 0; static_cast<int>(losses.size()) < steps; ++epoch) {
    Batches batches(data, {.batch_size = spec.fit.batch_size, .shuffle = spec.fit.shuffle, .epoch = epoch});
    while (const auto batch = batches.next()) {
      check_interrupt();
      losses.push_back(model.train_on_batch(batch->x, batch->y).find("loss").value_or(kNone));
      if (static_cast<int>(losses.size()) == steps) break;
    }
  }
  return losses;
}

Batch first_batch(const Spec& spec, const Dataset& data) {
  Batches batches(data, {.batch_size = spec.fit.batch_size, .shuffle = spec.fit.shuffle});
  return *batches.next();
}

double relative(double got, double want) {
  const double difference = std::abs(got - want) / std::max(std::abs(want), 1e-3);
  return std::isfinite(difference) ? difference : kInfinity;
}

// `nudged`: losses of trainings of the same engine that began a rounding error away.
void compare_losses(EngineVerdict& verdict, const std::vector<double>& want, const std::vector<std::vector<double>>& nudged,
                    const Tolerances& tolerances) {
  for (std::size_t step = 0; step < want.size(); ++step) {
    const double difference = relative(verdict.losses[step], want[step]);
    verdict.loss_difference = std::max(verdict.loss_difference, difference);
    // Once apart, two trainings stay apart, even if their losses cross.
    for (const std::vector<double>& losses : nudged)
      if (const double own = relative(losses[step], verdict.losses[step]); own > verdict.chaos && std::isfinite(own))
        verdict.chaos = own;
    if (difference > tolerances.loss + tolerances.chaos * verdict.chaos && verdict.disagreement.empty())
      verdict.disagreement =
          fmt::format("the loss of step {} is {:.6g}, expected {:.6g}", step + 1, verdict.losses[step], want[step]);
  }
}

}  // namespace

std::vector<LayerDifference> compare_layers(const Model& model, Engine& engine, Engine& oracle, const Batch& batch) {
  const GraphRequest request{.purpose = Purpose::kTraining, .batch_size = batch.x.shape()[0], .trace = true};
  const Graph graph = write_graph(model, request);
  const Outputs want = run_step(model, graph, oracle, batch), got = run_step(model, graph, engine, batch);
  std::vector<LayerDifference> layers;
  for (const NamedValue& output : graph.outputs()) {
    if (!output.name.starts_with(kLayerOutput)) continue;
    const std::string name = output.name.substr(std::string_view(kLayerOutput).size());
    LayerDifference layer{name, difference_at(got, want, output.name), difference_at(got, want, kGradientOutput + output.name)};
    for (const auto& [weight, gradient] : want)
      if (weight.starts_with(kGradientOutput + name + "/"))
        layer.backward = larger(layer.backward, relative_difference(got.at(weight), gradient));
    layers.push_back(layer);
  }
  return layers;
}

std::string first_disagreement(const std::vector<LayerDifference>& layers, const Tolerances& tolerances) {
  for (const LayerDifference& layer : layers)
    if (layer.forward > tolerances.forward)
      return fmt::format("{}: its output differs by {}, more than {:g}", layer.layer, ratio_text(layer.forward),
                         tolerances.forward);
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
    if (layer->backward > tolerances.backward)
      return fmt::format("{}: its gradients differ by {}, more than {:g}", layer->layer, ratio_text(layer->backward),
                         tolerances.backward);
  return "";
}

bool Verification::ok() const {
  return std::ranges::all_of(engines, [](const EngineVerdict& engine) { return engine.disagreement.empty(); });
}

Verification verify(const Spec& spec, const VerifyOptions& options) {
  const std::shared_ptr<Engine> oracle = make_engine(options.oracle, "cpu");
  std::vector<std::shared_ptr<Engine>> engines;
  for (const std::string& name : options.engines) engines.push_back(make_engine(name, spec.fit.device));
  const Dataset train = load_splits(spec.data).train;
  Model model = model_from_file(spec.model);
  model.initialize(spec.fit.seed.value_or(seed()));
  model.compile(compile_options(spec.fit));
  const Batch batch = first_batch(spec, train);
  Verification verification{.oracle = options.oracle};
  verification.losses = losses_of(spec, options.oracle, train, options.steps);
  for (std::size_t i = 0; i < engines.size(); ++i) {
    EngineVerdict verdict{.engine = options.engines[i], .layers = compare_layers(model, *engines[i], *oracle, batch)};
    verdict.disagreement = first_disagreement(verdict.layers, options.tolerances);
    verdict.losses = losses_of(spec, verdict.engine, train, options.steps);
    std::vector<std::vector<double>> nudged;
    for (const std::uint64_t which : {1, 2, 3}) nudged.push_back(losses_of(spec, verdict.engine, train, options.steps, which));
    compare_losses(verdict, verification.losses, nudged, options.tolerances);
    verification.engines.push_back(std::move(verdict));
  }
  return verification;
}

}  // namespace tutti
