// fit, evaluate, predict, train_on_batch.
#include <algorithm>
#include <cmath>

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/data/batches.h"
#include "tutti/nn/callbacks.h"
#include "tutti/nn/model_state.h"
#include "tutti/nn/programs.h"

namespace tutti {
namespace {

// The running means of an epoch: the loss weighted by samples, and the metrics.
class Meter {
 public:
  explicit Meter(const CompileOptions& options) {
    for (const std::string& name : options.metrics) metrics_.push_back(make_metric(name, *options.loss));
  }
  void update(double loss, const Tensor& prediction, const Tensor& target) {
    const auto samples = static_cast<double>(prediction.shape()[0]);
    loss_sum_ += loss * samples;
    samples_ += samples;
    for (const MetricPtr& metric : metrics_) metric->update(prediction, target);
  }
  // The sums of the loss and of each metric.
  std::vector<double> sums() const {
    std::vector<double> sums{loss_sum_, samples_};
    for (const MetricPtr& metric : metrics_)
      for (const double sum : metric->sums()) sums.push_back(sum);
    return sums;
  }
  void set_sums(const std::vector<double>& sums) {
    if (sums.size() != 2 * (metrics_.size() + 1)) fail("fit", "the state to resume from has other metrics than the model.");
    loss_sum_ = sums[0];
    samples_ = sums[1];
    for (std::size_t i = 0; i < metrics_.size(); ++i) metrics_[i]->set_sums({sums[2 * i + 2], sums[2 * i + 3]});
  }
  // Keras 3 lists metrics before the loss, by name; so do we.
  Logs logs(std::string_view prefix = "") const {
    Logs logs;
    for (const MetricPtr& metric : metrics_) logs.set(fmt::format("{}{}", prefix, metric->name()), metric->result());
    logs.set(fmt::format("{}loss", prefix), samples_ > 0 ? loss_sum_ / samples_ : 0.0);
    return logs;
  }

 private:
  std::vector<MetricPtr> metrics_;
  double loss_sum_ = 0, samples_ = 0;
};

// Class indices as the loss wants them: one-hot for dense cross-entropies, int32 for the sparse one.
Tensor target_for(const LossFunction& loss, const Tensor& y, const Shape& prediction) {
  if (loss.is_sparse()) {
    Tensor labels = y.cast(DType::kInt32);
    const std::int64_t classes = prediction[-1];
    for (const std::int32_t label : labels.data<std::int32_t>())
      if (label < 0 || label >= classes) fail("fit", "labels must be in [0, {}). Got {}.", classes, label);
    Shape wanted(std::vector<std::int64_t>(prediction.begin(), prediction.end() - 1));
    return labels.shape() == wanted ? labels : labels.reshape(wanted);
  }
  if (y.shape() == prediction) return y.cast(DType::kFloat32);
  const bool is_index = y.dtype() != DType::kFloat32 && y.dtype() != DType::kFloat64;
  if (is_index && prediction.rank() == 2 && y.elements() == prediction[0] && prediction[1] > 1) {
    const Tensor labels = y.cast(DType::kInt32);
    Tensor one_hot(prediction);
    for (std::int64_t row = 0; row < prediction[0]; ++row) {
      const std::int32_t label = labels.data<std::int32_t>()[static_cast<std::size_t>(row)];
      if (label < 0 || label >= prediction[1]) fail("fit", "labels must be in [0, {}). Got {}.", prediction[1], label);
      one_hot.data<float>()[static_cast<std::size_t>(row * prediction[1] + label)] = 1.f;
    }
    return one_hot;
  }
  if (y.elements() == prediction.elements()) return y.cast(DType::kFloat32).reshape(prediction);
  fail("fit", "targets of shape {} do not fit predictions of shape {}.", to_string(y.shape()), to_string(prediction));
}

// One run of a training or evaluation program.
double run_step(Programs::Compiled& compiled, const LossFunction& loss, const Batch& batch, Meter& meter) {
  const Graph& graph = compiled.graph;
  const ValueId x = *graph.find_input("x"), prediction = *graph.find_output("prediction"),
                loss_value = *graph.find_output("loss");
  if (batch.x.shape() != graph.shape(x))
    fail("fit", "the model takes {}. The data has {}.", to_string(graph.shape(x)), to_string(batch.x.shape()));
  const Tensor target = target_for(loss, batch.y, graph.shape(prediction));
  Tensor predicted(graph.type(prediction)), loss_tensor(graph.type(loss_value));
  const Feed feeds[] = {{x, batch.x.view()}, {*graph.find_input("y"), target.view()}};
  const Fetch fetches[] = {{prediction, predicted.view()}, {loss_value, loss_tensor.view()}};
  compiled.program->run(feeds, fetches);
  const double value = loss_tensor.item();
  meter.update(value, predicted, target);
  return value;
}

Meter evaluate_all(const Model& model, const Dataset& data, std::int64_t batch_size) {
  if (data.empty()) fail("evaluate", "the data set is empty.");
  if (batch_size < 1) fail("evaluate", "batch_size must be positive. Got {}.", batch_size);
  Meter meter(model.compiled());
  Batches batches(data, {.batch_size = batch_size});
  while (const auto batch = batches.next()) {
    const GraphRequest request{.purpose = Purpose::kEvaluation, .batch_size = batch->x.shape()[0]};
    run_step(Programs::of(model).get(request), *model.compiled().loss, *batch, meter);
    check_interrupt();
  }
  return meter;
}

// Calls on_train_end however fit ends.
class TrainEnd {
 public:
  TrainEnd(const std::vector<CallbackPtr>& callbacks, FitState& state) : callbacks_(callbacks), state_(state) {}
  ~TrainEnd() {
    if (done_) return;
    for (const CallbackPtr& callback : callbacks_) try {
        callback->on_train_end(state_);
      } catch (...) {
        // The error that ends fit is the one to report.
      }
  }
  void finish() {
    done_ = true;
    for (const CallbackPtr& callback : callbacks_) callback->on_train_end(state_);
  }

 private:
  const std::vector<CallbackPtr>& callbacks_;
  FitState& state_;
  bool done_ = false;
};

class Fit {
 public:
  Fit(Model& model, const Dataset& data, FitOptions options) : model_(model), data_(data), options_(std::move(options)) {
    check();
    state_.model = &model_;
    state_.epochs = options_.epochs;
    state_.initial_epoch = options_.initial_epoch;
    state_.batch_size = options_.batch_size;
    state_.steps = (data_.size() + options_.batch_size - 1) / options_.batch_size;
    seed_ = options_.seed.value_or(seed());
    if (options_.verbose > 0) callbacks_.push_back(make_progress(options_.verbose));
    callbacks_.insert(callbacks_.end(), options_.callbacks.begin(), options_.callbacks.end());
    state_.snapshot = [this] { return snapshot(); };
  }

  History run() {
    TrainEnd end(callbacks_, state_);
    for (const CallbackPtr& callback : callbacks_) callback->on_train_begin(state_);
    if (options_.resume) restore(*options_.resume);
    for (int epoch = state_.initial_epoch; epoch < options_.epochs && !state_.stop_training; ++epoch) try {
        run_epoch(epoch);
      } catch (const Interrupted&) {
        for (const CallbackPtr& callback : callbacks_) callback->on_interrupt(state_);
        throw;
      }
    end.finish();
    history_.stop_reason = state_.stop_reason;
    return std::move(history_);
  }

 private:
  void check() {
    (void)model_.compiled();
    if (options_.batch_size < 1) fail("fit", "batch_size must be positive. Got {}.", options_.batch_size);
    if (!(options_.validation_split >= 0 && options_.validation_split < 1))
      fail("fit", "validation_split must be in [0, 1). Got {}.", options_.validation_split);
    if (options_.validation_split > 0 && !options_.validation) {
      // Keras: the last fraction, before shuffling.
      const auto kept = static_cast<std::int64_t>(static_cast<double>(data_.size()) * (1 - options_.validation_split));
      auto [first, last] = data_.split_at(kept);
      data_ = first;
      options_.validation = last;
    }
    if (data_.empty()) fail("fit", "the data set is empty.");
    const Shape& input = model_.nodes()[static_cast<std::size_t>(model_.input_nodes().front())].shape;
    const Shape sample = data_.sample_shape();
    if (!std::equal(sample.begin(), sample.end(), input.begin() + 1, input.end()))
      fail("fit", "the model takes samples of shape {}. The data has {}.",
           to_string(Shape(std::vector<std::int64_t>(input.begin() + 1, input.end()))), to_string(sample));
    if (options_.validation && options_.validation->empty()) options_.validation.reset();
  }

  TrainingState snapshot() const {
    TrainingState state{.epoch = state_.epoch, .step = state_.step, .samples = state_.samples};
    if (at_epoch_end_) {
      state = {.epoch = state_.epoch + 1};
    } else if (meter_) {
      state.meters = meter_->sums();
    }
    state.stop_training = state_.stop_training;
    state.history = history_;
    state.history.stop_reason = state_.stop_reason;
    for (const CallbackPtr& callback : options_.callbacks) state.callbacks.push_back(callback->state());
    return state;
  }

  void restore(const TrainingState& state) {
    if (state.callbacks.size() != options_.callbacks.size())
      fail("fit", "the state to resume from has {} callbacks. Expected {}.", state.callbacks.size(), options_.callbacks.size());
    for (std::size_t i = 0; i < state.callbacks.size(); ++i) options_.callbacks[i]->restore(state.callbacks[i]);
    state_.initial_epoch = state.epoch;
    state_.stop_training = state.stop_training;
    state_.stop_reason = state.history.stop_reason;
    history_ = state.history;
  }

  void run_epoch(int epoch) {
    state_.epoch = epoch;
    state_.step = state_.samples = 0;
    at_epoch_end_ = false;
    Meter& meter = meter_.emplace(model_.compiled());
    if (options_.resume && options_.resume->epoch == epoch && options_.resume->step > 0) {
      state_.step = options_.resume->step;
      state_.samples = options_.resume->samples;
      meter.set_sums(options_.resume->meters);
    }
    for (const CallbackPtr& callback : callbacks_) callback->on_epoch_begin(state_);
    Batches batches(data_, {.batch_size = options_.batch_size,
                            .shuffle = options_.shuffle,
                            .seed = seed_,
                            .epoch = static_cast<std::uint64_t>(epoch),
                            .first = state_.step,
                            .augmentations = options_.augmentations});
    bool stopped_inside = false;
    while (const auto batch = batches.next()) {
      Programs& programs = Programs::of(model_);
      const GraphRequest request{.purpose = Purpose::kTraining, .batch_size = batch->x.shape()[0], .seed = seed_};
      run_step(programs.get(request), *model_.compiled().loss, *batch, meter);
      programs.mark_trained();
      ++state_.step;
      state_.samples += batch->x.shape()[0];
      const Logs logs = meter.logs();
      for (const CallbackPtr& callback : callbacks_) callback->on_batch_end(state_, logs);
      check_interrupt();
      if ((stopped_inside = state_.stop_training)) break;
    }
    Logs logs = meter.logs();
    if (options_.validation && !stopped_inside) {
      const int batch_size = options_.validation_batch_size > 0 ? options_.validation_batch_size : options_.batch_size;
      for (const auto& [name, value] : evaluate_all(model_, *options_.validation, batch_size).logs("val_"))
        logs.set(name, value);
    }
    history_.epoch.push_back(epoch);
    history_.logs.push_back(logs);
    at_epoch_end_ = true;
    for (const CallbackPtr& callback : callbacks_) callback->on_epoch_end(state_, history_.logs.back());
  }

  Model& model_;
  Dataset data_;
  FitOptions options_;
  std::uint64_t seed_ = 0;
  FitState state_;
  std::vector<CallbackPtr> callbacks_;
  std::optional<Meter> meter_;  // of the running epoch
  bool at_epoch_end_ = false;
  History history_;
};

// Rows [begin, end) of every input through the model.
void predict_rows(const Model& model, const std::vector<Tensor>& inputs, std::int64_t begin, std::int64_t end,
                  std::vector<Tensor>& outputs) {
  auto& compiled = Programs::of(model).get({.purpose = Purpose::kInference, .batch_size = end - begin});
  const Graph& graph = compiled.graph;
  std::vector<Tensor> parts, results;
  std::vector<Feed> feeds;
  std::vector<Fetch> fetches;
  for (const Tensor& input : inputs) parts.push_back(input.rows(begin, end).cast(DType::kFloat32));
  for (std::size_t i = 0; i < parts.size(); ++i) feeds.push_back({graph.inputs()[i].value, parts[i].view()});
  for (std::size_t i = 0; i < outputs.size(); ++i) results.push_back(outputs[i].rows(begin, end));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto value = graph.find_output(outputs.size() == 1 ? "prediction" : fmt::format("prediction{}", i));
    fetches.push_back({*value, results[i].view()});
  }
  compiled.program->run(feeds, fetches);
}

}  // namespace

History Model::fit(const Dataset& data, FitOptions options) {
  Model self = *this;
  return Fit(self, data, std::move(options)).run();
}

History Model::fit(const Tensor& x, const Tensor& y, FitOptions options) {
  return fit(Dataset::from_tensors(x, y), std::move(options));
}

Logs Model::evaluate(const Dataset& data, EvaluateOptions options) {
  return evaluate_all(*this, data, options.batch_size).logs();
}

Logs Model::evaluate(const Tensor& x, const Tensor& y, EvaluateOptions options) {
  return evaluate(Dataset::from_tensors(x, y), options);
}

std::vector<Tensor> Model::predict_all(const std::vector<Tensor>& inputs, PredictOptions options) {
  if (options.batch_size < 1) fail("predict", "batch_size must be positive. Got {}.", options.batch_size);
  if (inputs.size() != state_->inputs.size())
    fail("predict", "the model has {} inputs. Got {}.", state_->inputs.size(), inputs.size());
  const std::int64_t rows = inputs.front().shape().rank() > 0 ? inputs.front().shape()[0] : 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Shape expected = state_->nodes[static_cast<std::size_t>(state_->inputs[i])].shape;
    expected[0] = rows;
    if (inputs[i].shape() != expected) {
      expected[0] = -1;
      fail("predict", "input {} must have shape {}. Got {}.", i, to_string(expected), to_string(inputs[i].shape()));
    }
  }
  std::vector<Tensor> outputs;
  for (const int output : state_->outputs) {
    Shape shape = state_->nodes[static_cast<std::size_t>(output)].shape;
    shape[0] = rows;
    outputs.emplace_back(shape);
  }
  for (std::int64_t begin = 0; begin < rows; begin += options.batch_size) {
    predict_rows(*this, inputs, begin, std::min<std::int64_t>(rows, begin + options.batch_size), outputs);
    check_interrupt();
  }
  return outputs;
}

Tensor Model::predict(const Tensor& x, PredictOptions options) {
  if (state_->outputs.size() != 1) fail("predict", "the model has {} outputs: use predict_all.", state_->outputs.size());
  return predict_all({x}, options).front();
}

Tensor Model::predict(const Dataset& data, PredictOptions options) {
  if (options.batch_size < 1) fail("predict", "batch_size must be positive. Got {}.", options.batch_size);
  if (state_->outputs.size() != 1) fail("predict", "the model has {} outputs: use predict_all.", state_->outputs.size());
  Shape shape = state_->nodes[static_cast<std::size_t>(state_->outputs.front())].shape;
  shape[0] = data.size();
  Tensor result(shape);
  // In slices, so that a large set is never in memory as floats.
  for (std::int64_t begin = 0; begin < data.size(); begin += options.batch_size) {
    const std::int64_t end = std::min<std::int64_t>(data.size(), begin + options.batch_size);
    const Tensor part = predict(data.batch(begin, end).x, options);
    std::ranges::copy(part.data<float>(), result.rows(begin, end).data<float>().begin());
  }
  return result;
}

Logs Model::train_on_batch(const Tensor& x, const Tensor& y) {
  Meter meter(compiled());
  const GraphRequest request{
      .purpose = Purpose::kTraining, .batch_size = x.shape().rank() > 0 ? x.shape()[0] : 0, .seed = seed()};
  Programs& programs = Programs::of(*this);
  run_step(programs.get(request), *compiled().loss, {x.cast(DType::kFloat32), y}, meter);
  programs.mark_trained();
  return meter.logs();
}

}  // namespace tutti
