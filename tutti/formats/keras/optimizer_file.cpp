// The optimizer's state in the order of each Keras.
//   Keras 3:             iteration, learning_rate, slots (weight by weight, or slot by slot), further scalars
//   TensorFlow 2.11 on:  as Keras 3
//   Keras 2, TF 2:       iterations, further scalars (not written by us), slots slot by slot, for Adam then one vhat a weight
//   Keras up to 2.0.5:   the same, but the weights sorted by name
//   RMSprop and Adagrad up to 2.2.4: no iterations
#include <algorithm>
#include <map>

#include "tutti/base/error.h"
#include "tutti/base/log.h"
#include "tutti/formats/keras/keras_files.h"

namespace tutti::keras {
namespace {

constexpr const char* kGroup = "optimizer_weights";

struct StoredVariable {
  std::string name;
  Tensor value;
};

std::vector<StoredVariable> stored_variables(const Hdf5Reader& file) {
  std::vector<StoredVariable> variables;
  for (const std::string& name : read_names(file, kGroup, "weight_names").value_or(std::vector<std::string>{})) {
    // Keras 2.0.5 names the step by an absolute path.
    const std::string path = name.starts_with('/') ? name : fmt::format("{}/{}", kGroup, name);
    variables.push_back({name, file.dataset(path)});
  }
  return variables;
}

// "conv2d_1/kernel:0": what Keras 2.0 sorted by.
std::string sort_name(const Hdf5Reader& file, const TrainableWeight& trainable) {
  const std::string group = "model_weights/" + trainable.layer->name;
  const auto place = static_cast<std::size_t>(trainable.weight - trainable.layer->weights().data());
  const auto names = file.exists(group) ? read_names(file, group, "weight_names") : std::nullopt;
  return names && place < names->size() ? (*names)[place] : trainable.layer->name + "/" + trainable.weight->name;
}

std::vector<TrainableWeight> stored_order(const Hdf5Reader& file, const Model& model, const Origin& origin) {
  std::vector<TrainableWeight> weights = trainable_in_keras_order(model);
  if (!origin.up_to(2, 0, 5)) return weights;
  std::vector<std::pair<std::string, std::size_t>> names;
  for (std::size_t i = 0; i < weights.size(); ++i) names.emplace_back(sort_name(file, weights[i]), i);
  std::ranges::stable_sort(names, {}, [](const auto& entry) { return entry.first; });
  std::vector<TrainableWeight> sorted;
  for (const auto& [name, index] : names) sorted.push_back(weights[index]);
  return sorted;
}

// The stored variables sorted out; Error when they do not fit the optimizer.
class StateReader {
 public:
  StateReader(const Hdf5Reader& file, const Model& model, const Origin& origin)
      : rule_(model.compiled().optimizer.rule()), origin_(origin), weights_(stored_order(file, model, origin)) {
    for (StoredVariable& variable : stored_variables(file)) {
      (variable.value.shape().rank() == 0 ? scalars_ : slots_).push_back(std::move(variable));
    }
    state_.learning_rate = model.learning_rate();
  }

  OptimizerState read() {
    read_scalars();
    read_slots();
    return std::move(state_);
  }

 private:
  void read_scalars() {
    std::size_t next = 0;
    const bool has_rate = scalars_.size() > 1 && scalars_[1].name.find("learning_rate") != std::string::npos;
    interleaved_ = has_rate && rule_.slots_interleaved();
    if (next < scalars_.size()) state_.step = static_cast<std::int64_t>(scalars_[next++].value.item());
    if (has_rate) state_.learning_rate = scalars_[next++].value.item();
    // Absent before Keras 2.3 and in our portable files.
    for (const Tensor& computed : rule_.scalars_after(state_.step)) {
      state_.scalars.push_back(next < scalars_.size() ? scalars_[next++].value.cast(DType::kFloat32) : computed);
    }
  }

  void read_slots() {
    const std::size_t count = weights_.size(), kinds = rule_.slots().size();
    state_.slots.resize(count);
    if (kinds == 0) return;  // Keras 2 stores momentums of an SGD without momentum too
    // vhat of an Adam without amsgrad: a placeholder for each weight.
    if (slots_.size() == count * (kinds + 1) && rule_.class_name() == "Adam") slots_.resize(count * kinds);
    if (slots_.size() != count * kinds) {
      fail("optimizer_weights", "expected {} slots of {} weights. Got {}.", count * kinds, count, slots_.size());
    }
    if (!names_say_interleaved()) interleaved_ = false;
    for (std::size_t i = 0; i < count; ++i) {
      auto& slots = state_.slots[weights_[i].index];
      for (std::size_t kind = 0; kind < kinds; ++kind) {
        const StoredVariable& stored = slots_[interleaved_ ? i * kinds + kind : kind * count + i];
        slots.push_back(fitting(stored, weights_[i]));
      }
    }
  }

  // Versions of Keras 3 differ; its names end in the slot's.
  bool names_say_interleaved() const {
    const std::vector<std::string> kinds = rule_.slots();
    if (!interleaved_ || kinds.size() < 2 || slots_.size() < 2) return interleaved_;
    return !(slots_[0].name.ends_with(kinds[0]) && slots_[1].name.ends_with(kinds[0]));
  }

  Tensor fitting(const StoredVariable& stored, const TrainableWeight& weight) const {
    if (stored.value.shape() != weight.weight->shape) {
      fail("optimizer_weights", "{} does not fit {} of {}. Expected shape {}. Got {}.", stored.name, weight.weight->name,
           weight.layer->name, to_string(weight.weight->shape), to_string(stored.value.shape()));
    }
    const Tensor value = stored.value.cast(DType::kFloat32);
    return origin_.theano ? rotated_if_kernel(*weight.layer, *weight.weight, value) : value;
  }

  const OptimizerRule& rule_;
  const Origin& origin_;
  std::vector<TrainableWeight> weights_;
  std::vector<StoredVariable> scalars_, slots_;
  OptimizerState state_;
  bool interleaved_ = false;
};

// How Keras 2 abbreviates slots in names; Keras never reads them.
std::string short_name(const std::string& class_name, const std::string& slot) {
  if (class_name == "SGD") return "moment";
  if (class_name == "Adagrad" || slot == "velocity")
    return class_name == "RMSprop" || class_name == "Adagrad" ? "accumulator" : "v";
  return slot == "momentum" ? "m" : slot;
}

class StateWriter {
 public:
  StateWriter(Hdf5Writer& file, const Model& model, KerasDialect dialect)
      : file_(file),
        model_(model),
        dialect_(dialect),
        rule_(model.compiled().optimizer.rule()),
        state_(model.optimizer_state()),
        weights_(trainable_in_keras_order(model)) {
    if (dialect == KerasDialect::kKeras20) {
      std::ranges::stable_sort(weights_, {}, [](const TrainableWeight& w) { return w.layer->name + "/" + w.weight->name; });
    }
  }

  void write() {
    file_.group(kGroup);
    if (dialect_ == KerasDialect::kKeras3) {
      write_version_3();
    } else {
      write_version_2();
    }
    file_.names(kGroup, "weight_names", names_, dialect_ == KerasDialect::kKeras3 ? Hdf5String::kAscii : Hdf5String::kFixed);
  }

 private:
  void add(const std::string& name, const Tensor& value) {
    names_.push_back(name);
    file_.dataset(fmt::format("{}/{}", kGroup, name), value);
  }

  const Tensor& slot(const TrainableWeight& weight, std::size_t kind) const { return state_.slots[weight.index][kind]; }

  void write_version_3() {
    const std::string optimizer = optimizer_config(model_, dialect_)["config"]["name"];
    add(optimizer + "/iteration", Tensor::scalar(static_cast<std::int32_t>(state_.step)));
    add(optimizer + "/learning_rate", Tensor::scalar(static_cast<float>(state_.learning_rate)));
    const std::vector<std::string> kinds = rule_.slots();
    const auto add_slot = [&](const TrainableWeight& weight, std::size_t kind) {
      std::string path = fmt::format("{}{}_{}_{}", model_.is_sequential() ? model_.name() + "_" : "", weight.layer->name,
                                     weight.weight->name, kinds[kind]);
      std::ranges::replace(path, '/', '_');
      add(optimizer + "/" + path, slot(weight, kind));
    };
    if (rule_.slots_interleaved()) {
      for (const TrainableWeight& weight : weights_) {
        for (std::size_t kind = 0; kind < kinds.size(); ++kind) add_slot(weight, kind);
      }
    } else {
      for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
        for (const TrainableWeight& weight : weights_) add_slot(weight, kind);
      }
    }
    for (std::size_t i = 0; i < state_.scalars.size(); ++i) add(optimizer + "/" + rule_.scalars()[i], state_.scalars[i]);
  }

  void write_version_2() {
    const std::string class_name = rule_.class_name();
    const bool old = dialect_ == KerasDialect::kKeras20;
    // Keras 2.0 has no step in these two, and as float32 in the others.
    if (!old || (class_name != "RMSprop" && class_name != "Adagrad")) {
      add(class_name + "/iterations:0", old ? Tensor::scalar(static_cast<float>(state_.step)) : Tensor::scalar(state_.step));
    }
    // No m_schedule of Nadam: Keras 3 would take the second scalar for the learning rate.
    const std::vector<std::string> kinds = rule_.slots();
    for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
      for (std::size_t i = 0; i < weights_.size(); ++i) {
        add(fmt::format("training/{}/{}_{}:0", class_name, short_name(class_name, kinds[kind]), i), slot(weights_[i], kind));
      }
    }
    if (class_name != "Adam" || old) return;
    for (std::size_t i = 0; i < weights_.size(); ++i) add(fmt::format("training/Adam/vhat_{}:0", i), Tensor(Shape{1}));
  }

  Hdf5Writer& file_;
  const Model& model_;
  KerasDialect dialect_;
  const OptimizerRule& rule_;
  OptimizerState state_;
  std::vector<TrainableWeight> weights_;
  std::vector<std::string> names_;
};

}  // namespace

void read_optimizer(const Hdf5Reader& file, Model& model, const Origin& origin) {
  try {
    model.set_optimizer_state(StateReader(file, model, origin).read());
  } catch (const Error& error) {
    log_warning("{}: the state of the optimizer does not fit, so it starts afresh: {}", file.name(), error.what());
  }
}

void write_optimizer(Hdf5Writer& file, const Model& model, KerasDialect dialect) { StateWriter(file, model, dialect).write(); }

}  // namespace tutti::keras
