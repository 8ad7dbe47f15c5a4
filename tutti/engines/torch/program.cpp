#include "tutti/engines/torch/program.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "tutti/base/error.h"
#include "tutti/base/parallel.h"
#include "tutti/engines/torch/ops.h"

namespace tutti {
namespace {

constexpr std::string_view kWhere = "torch engine";

// What every entry into ATen needs: no autograd, and as many threads as the rest of tutti uses (ATen keeps a count of its own,
// in each thread).
class AtenScope {
 public:
  AtenScope() {
    if (at::get_num_threads() != num_threads()) at::set_num_threads(num_threads());
  }

 private:
  c10::InferenceMode no_autograd_;
};

at::TensorOptions options_of(const TensorType& type, c10::Device device) {
  return at::TensorOptions(scalar_type_of(type.dtype)).device(device);
}

// Scalars (learning rate, step) stay on the host, whatever the device: the host reads them, and ATen takes a host scalar in any
// arithmetic on the device.
c10::Device device_of(const TensorType& type, c10::Device device) {
  return type.shape.rank() == 0 ? c10::Device(c10::kCPU) : device;
}

// The host array as a tensor, without a copy.
at::Tensor borrow(const ConstView& view) {
  // ATen has no tensors of const; nothing writes to this one.
  return at::from_blob(const_cast<void*>(view.data), view.shape->extents(), at::TensorOptions(scalar_type_of(view.dtype)));
}

void copy_to(const at::Tensor& from, const View& view) {
  at::from_blob(view.data, view.shape->extents(), at::TensorOptions(scalar_type_of(view.dtype))).copy_(from);
}

// ATen's errors as tutti's, without its C++ stack.
template <class Function>
auto translate_errors(std::string_view what, Function function) {
  try {
    return function();
  } catch (const c10::Error& error) {
    fail(kWhere, "{}: {}", what, error.what_without_backtrace());
  }
}

bool is_float(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat64; }

bool takes_any_type(const Op& op) {
  return std::holds_alternative<Cast>(op) || std::holds_alternative<Fill>(op) || std::holds_alternative<Pad>(op) ||
         std::holds_alternative<Slice>(op) || std::holds_alternative<Concat>(op) || std::holds_alternative<Upsample2D>(op) ||
         std::holds_alternative<Reshape>(op) || std::holds_alternative<Transpose>(op) || std::holds_alternative<Increment>(op);
}

// Why there is no kernel; empty if there is one.
std::string refusal_of(const Op& op, const TensorType* first_input) {
  if (takes_any_type(op) || !first_input || is_float(first_input->dtype)) return "";
  return fmt::format("{} needs float32 or float64, not {}", name_of(op), name_of(first_input->dtype));
}

class TorchKernel final : public Kernel {
 public:
  TorchKernel(OpCall call, c10::Device device) : call_(std::move(call)), device_(device) {}

  void run(std::span<const ConstView> in, std::span<const View> out) override {
    const AtenScope scope;
    translate_errors(name_of(call_.op), [&] {
      AtTensors inputs;
      for (std::size_t i = 0; i < in.size(); ++i) inputs.push_back(borrow(in[i]).to(device_of(call_.inputs[i], device_)));
      const Arguments arguments(std::move(inputs), std::vector<bool>(in.size(), false), device_);
      const AtTensors outputs = evaluate_op(call_.op, arguments);
      for (std::size_t i = 0; i < out.size(); ++i) copy_to(outputs[i], out[i]);
    });
  }

 private:
  OpCall call_;
  c10::Device device_;
};

struct VariableSlot {
  TensorType type;
  at::Tensor tensor;
};

// One node and what is known of its inputs before any run.
struct Step {
  int index;  // of the node in the graph
  const Node* node;
  // Nobody reads input i later, and it is no variable.
  std::vector<bool> last_use;
  // Input i is a variable that nobody reads later and that this node's output replaces at the end of the run.
  std::vector<bool> replaced;
  std::vector<ValueId> unused_outputs;
};

class TorchProgram final : public Program {
 public:
  TorchProgram(const Graph& graph, c10::Device device, const TorchProgram* sharing) : graph_(graph), device_(device) {
    check_ops();
    const AtenScope scope;
    translate_errors("variables", [&] { make_variables(sharing); });
    plan();
    measure_workspace();
  }

  void run(std::span<const Feed> feeds, std::span<const Fetch> fetches) override {
    run_steps(feeds, fetches, [](std::span<const int>, std::string_view) {});
  }

  // On a GPU each step waits for the one before, which a run otherwise need not.
  std::vector<StepTime> run_timed(std::span<const Feed> feeds, std::span<const Fetch> fetches) override {
    using Clock = std::chrono::steady_clock;
    std::vector<StepTime> times;
    auto before = Clock::now();
    run_steps(feeds, fetches, [&](std::span<const int> nodes, std::string_view algorithm) {
      wait_for_device();
      const auto after = Clock::now();
      times.push_back(
          {{nodes.begin(), nodes.end()}, std::string(algorithm), std::chrono::duration<double>(after - before).count()});
      before = after;
    });
    return times;
  }

  Tensor read(VariableId variable) const override {
    const AtenScope scope;
    const VariableSlot& slot = *variables_[index(variable)];
    Tensor value(slot.type);
    translate_errors("read", [&] { copy_to(slot.tensor, value.view()); });
    return value;
  }

  void write(VariableId variable, const Tensor& value) override {
    const AtenScope scope;
    VariableSlot& slot = slot_of(variable);
    if (value.type() != slot.type)
      fail(kWhere, "variable {} has another type. Expected {}. Got {}.", graph_.variables()[index(variable)].name,
           to_string(slot.type), to_string(value.type()));
    translate_errors("write", [&] { slot.tensor = copy_in(value.view()); });
  }

  std::size_t workspace_bytes() const override { return workspace_bytes_; }

 private:
  static std::size_t index(int id) { return static_cast<std::size_t>(id); }
  VariableSlot& slot_of(VariableId variable) { return *variables_[index(variable)]; }

  // `done(nodes, algorithm)` is told of each step.
  template <class Done>
  void run_steps(std::span<const Feed> feeds, std::span<const Fetch> fetches, const Done& done) {
    const AtenScope scope;
    AtTensors values(graph_.values().size());
    translate_errors("feeds", [&] { load(feeds, values); });
    done(std::span<const int>(), "copies");
    for (const Step& step : steps_) {
      translate_errors(name_of(step.node->op), [&] { run_step(step, values); });
      done(std::span(&step.index, 1), "");
    }
    translate_errors("fetches", [&] {
      for (const Fetch& fetch : fetches) store(fetch, values);
      for (const Update& update : graph_.updates()) {
        VariableSlot& slot = slot_of(update.variable);
        slot.tensor = values[index(update.value)].to(device_of(slot.type, device_)).contiguous();
      }
    });
    done(std::span<const int>(), "copies");
  }

  void wait_for_device() const {
    if (device_.is_cpu()) return;
    const c10::impl::VirtualGuardImpl device(device_.type());
    device.synchronizeStream(device.getStream(device_));
  }

  at::Tensor copy_in(const ConstView& view) const {
    return borrow(view).to(device_of({view.dtype, *view.shape}, device_), /*non_blocking=*/false, /*copy=*/true);
  }

  void check_ops() const {
    for (const Node& node : graph_.nodes()) {
      const TensorType* first = node.inputs.empty() ? nullptr : &graph_.type(node.inputs.front());
      if (const std::string refusal = refusal_of(node.op, first); !refusal.empty()) fail(kWhere, "{}.", refusal);
    }
  }

  void make_variables(const TorchProgram* sharing) {
    for (const Variable& variable : graph_.variables()) {
      const TensorType& type = graph_.type(variable.value);
      std::shared_ptr<VariableSlot> slot;
      if (sharing) {
        if (const auto shared = sharing->graph_.find_variable(variable.name)) slot = sharing->variables_[index(*shared)];
      }
      if (slot && slot->type != type)
        fail(kWhere, "variable {} is shared with another type. Expected {}. Got {}.", variable.name, to_string(slot->type),
             to_string(type));
      if (!slot)
        slot = std::make_shared<VariableSlot>(
            VariableSlot{type, at::zeros(type.shape.extents(), options_of(type, device_of(type, device_)))});
      variables_.push_back(std::move(slot));
    }
  }

  // Leaves out nodes that lead nowhere, and finds out who reads each value last.
  void plan() {
    std::vector<bool> kept(graph_.values().size(), false);  // to the end of the run
    for (const NamedValue& output : graph_.outputs()) kept[index(output.value)] = true;
    std::vector<bool> needed = kept;
    for (const Update& update : graph_.updates()) needed[index(update.value)] = true;
    std::vector<bool> read_later = needed;
    std::unordered_map<ValueId, ValueId> replacement;  // of a variable's value
    for (const Update& update : graph_.updates()) replacement[graph_.variables()[index(update.variable)].value] = update.value;

    const auto& nodes = graph_.nodes();
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
      const bool live = std::any_of(node->outputs.begin(), node->outputs.end(), [&](ValueId id) { return needed[index(id)]; });
      if (!live) continue;
      Step step{static_cast<int>(nodes.rend() - node) - 1,
                &*node,
                std::vector<bool>(node->inputs.size(), false),
                std::vector<bool>(node->inputs.size(), false),
                {}};
      for (const ValueId id : node->outputs)
        if (!needed[index(id)]) step.unused_outputs.push_back(id);
      for (std::size_t i = node->inputs.size(); i-- > 0;) {
        const ValueId id = node->inputs[i];
        const bool last = !read_later[index(id)];
        needed[index(id)] = read_later[index(id)] = true;
        if (!last) continue;
        if (!graph_.variable_of(id))
          step.last_use[i] = true;
        else
          step.replaced[i] = replacement.contains(id) && replaces(*node, i, replacement[id]);
      }
      steps_.push_back(std::move(step));
    }
    std::reverse(steps_.begin(), steps_.end());
  }

  // True if the node may compute `value` in the buffer of its input i.
  static bool replaces(const Node& node, std::size_t i, ValueId value) {
    for (std::size_t output = 0; output < node.outputs.size(); ++output)
      if (node.outputs[output] == value) return in_place_input(node.op, static_cast<int>(output)) == static_cast<int>(i);
    return false;
  }

  // The largest sum of values that live at once, were none of them views.
  void measure_workspace() {
    std::size_t bytes = 0;
    for (const NamedValue& input : graph_.inputs()) bytes += graph_.type(input.value).bytes();
    workspace_bytes_ = bytes;
    for (const Step& step : steps_) {
      for (const ValueId id : step.node->outputs) bytes += graph_.type(id).bytes();
      workspace_bytes_ = std::max(workspace_bytes_, bytes);
      for (const ValueId id : step.unused_outputs) bytes -= graph_.type(id).bytes();
      for (std::size_t i = 0; i < step.last_use.size(); ++i)
        if (step.last_use[i]) bytes -= graph_.type(step.node->inputs[i]).bytes();
    }
  }

  void load(std::span<const Feed> feeds, AtTensors& values) const {
    for (const NamedValue& input : graph_.inputs()) {
      const auto feed = std::find_if(feeds.begin(), feeds.end(), [&](const Feed& one) { return one.value == input.value; });
      if (feed == feeds.end()) fail(kWhere, "input {} is not fed.", input.name);
      const TensorType got{feed->view.dtype, *feed->view.shape};
      if (got != graph_.type(input.value))
        fail(kWhere, "input {} has another type. Expected {}. Got {}.", input.name, to_string(graph_.type(input.value)),
             to_string(got));
      // A copy: updates may keep it, and it is aligned.
      values[index(input.value)] = copy_in(feed->view);
    }
    for (std::size_t i = 0; i < variables_.size(); ++i) values[index(graph_.variables()[i].value)] = variables_[i]->tensor;
  }

  void store(const Fetch& fetch, const AtTensors& values) const {
    const auto& outputs = graph_.outputs();
    const bool known =
        std::any_of(outputs.begin(), outputs.end(), [&](const NamedValue& output) { return output.value == fetch.value; });
    if (!known) fail(kWhere, "value {} is fetched but is no output of the graph.", fetch.value);
    const TensorType got{fetch.view.dtype, *fetch.view.shape};
    if (got != graph_.type(fetch.value))
      fail(kWhere, "a fetch has another type. Expected {}. Got {}.", to_string(graph_.type(fetch.value)), to_string(got));
    copy_to(values[index(fetch.value)], fetch.view);
  }

  void run_step(const Step& step, AtTensors& values) const {
    const Node& node = *step.node;
    AtTensors inputs;
    inputs.reserve(node.inputs.size());
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      at::Tensor& value = values[index(node.inputs[i])];
      if (step.last_use[i] || step.replaced[i])
        inputs.push_back(std::move(value));
      else
        inputs.push_back(value);
    }
    std::vector<bool> overwritable(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) overwritable[i] = is_overwritable(step, i, inputs);
    AtTensors outputs = evaluate_op(node.op, Arguments(std::move(inputs), std::move(overwritable), device_));
    for (std::size_t i = 0; i < outputs.size(); ++i) values[index(node.outputs[i])] = std::move(outputs[i]);
    for (const ValueId id : step.unused_outputs) values[index(id)].reset();
  }

  // Nobody else holds the tensor, nor another view of its memory; a replaced variable is also held by its slot.
  static bool is_overwritable(const Step& step, std::size_t i, const AtTensors& inputs) {
    if (!step.last_use[i] && !step.replaced[i]) return false;
    const at::Tensor& input = inputs[i];
    const std::size_t owners = step.replaced[i] ? 2 : 1;
    if (input.use_count() != owners || input.storage().use_count() != 1 || !input.is_non_overlapping_and_dense()) return false;
    // A host scalar cannot take the result of arithmetic with the device.
    return std::all_of(inputs.begin(), inputs.end(),
                       [&](const at::Tensor& other) { return other.device() == input.device() || other.dim() == 0; });
  }

  Graph graph_;
  c10::Device device_;
  std::vector<std::shared_ptr<VariableSlot>> variables_;
  std::vector<Step> steps_;
  std::size_t workspace_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Program> compile_for_torch(const Graph& graph, c10::Device device, Program* sharing) {
  const auto* const other = dynamic_cast<TorchProgram*>(sharing);
  if (sharing && !other) fail(kWhere, "variables can only be shared with another program of the torch engine.");
  return std::make_unique<TorchProgram>(graph, device, other);
}

Prepared prepare_for_torch(const OpCall& call, c10::Device device) {
  std::string refusal = refusal_of(call.op, call.inputs.empty() ? nullptr : &call.inputs.front());
  if (!refusal.empty()) return {nullptr, std::move(refusal)};
  return {std::make_unique<TorchKernel>(call, device), ""};
}

}  // namespace tutti
