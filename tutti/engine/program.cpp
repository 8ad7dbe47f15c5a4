#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "tutti/base/error.h"
#include "tutti/base/log.h"
#include "tutti/engine/buffer_plan.h"
#include "tutti/engine/engine.h"
#include "tutti/engine/fusion.h"

namespace tutti {
namespace {

constinit std::atomic<PrepareFallback> fallback_prepare = nullptr;  // ready before any static initialiser sets it

// The variables of one or more programs, by name. Their buffers stay where they are.
class VariableStore {
 public:
  // A number that grows whenever a variable has changed.
  std::uint64_t version() const { return version_; }
  void mark_changed() { ++version_; }

  // The tensor of this name, zero if it is new; Error if it has another type.
  Tensor get(std::string_view engine, const std::string& name, const TensorType& type) {
    const auto [found, created] = tensors_.try_emplace(name);
    if (created) found->second = Tensor(type);
    if (found->second.type() != type)
      fail(engine, "variable {} is shared with another type. Expected {}. Got {}.", name, to_string(found->second.type()),
           to_string(type));
    return found->second;
  }

 private:
  std::map<std::string, Tensor, std::less<>> tensors_;
  std::uint64_t version_ = 1;
};

// Error unless `view` is memory of this type.
void check_view(std::string_view engine, std::string_view what, const ConstView& view, const TensorType& type) {
  const Shape shape = view.shape ? *view.shape : Shape{};
  if (view.dtype != type.dtype || shape != type.shape)
    fail(engine, "{} has the wrong type. Expected {}. Got {}.", what, to_string(type),
         to_string(TensorType{view.dtype, shape}));
  if (!view.data) fail(engine, "{} has no memory. Expected {}. Got a null pointer.", what, to_string(type));
}

void log_fallback_once(std::string_view engine, std::string_view op, std::string_view refusal) {
  static std::mutex mutex;
  static std::set<std::pair<std::string, std::string>> logged;
  const std::lock_guard lock(mutex);
  if (logged.emplace(engine, op).second) log_info("{}: {} runs on the reference engine: {}", engine, op, refusal);
}

class OpByOpProgram final : public Program {
 public:
  OpByOpProgram(Engine& engine, const Graph& graph, std::vector<Fusion> fusions, std::shared_ptr<VariableStore> store);

  void run(std::span<const Feed> feeds, std::span<const Fetch> fetches) override;
  std::vector<StepTime> run_timed(std::span<const Feed> feeds, std::span<const Fetch> fetches) override;
  Tensor read(VariableId variable) const override { return checked(variable).clone(); }
  void write(VariableId variable, const Tensor& value) override;
  std::size_t workspace_bytes() const override { return plan_.arena_bytes; }
  std::vector<std::string> fallbacks() const override { return fallbacks_; }

  const std::shared_ptr<VariableStore>& store() const { return store_; }

 private:
  struct Step {
    std::vector<int> nodes;
    std::unique_ptr<Kernel> kernel;
    bool is_fallback = false;
    std::vector<ConstView> inputs;
    std::vector<View> outputs;
  };
  // A view that shows what the caller feeds, in each run elsewhere.
  struct FedView {
    std::size_t step, input;
    ValueId value;
  };

  void prepare_step(Engine& engine, int index);
  // The next one, without its kernel.
  Step make_step(std::span<const ValueId> inputs, std::span<const ValueId> outputs);
  void prepare_kernel(Engine& engine, const OpCall& call, Step& step);
  // Where a value is; null for one that is fed.
  std::byte* address(ValueId value);
  // Where to read a value once all nodes ran.
  const void* result(ValueId value);
  std::byte* arena_at(std::size_t offset) { return static_cast<std::byte*>(arena_.raw()) + offset; }
  void take_feeds(std::span<const Feed> feeds);
  void check_fetches(std::span<const Fetch> fetches) const;
  // Tells the kernels if constants have changed since the last run.
  void refresh_kernels();
  // Tells the programs that share variables that this run changes them: before the first kernel, which may update in place and
  // fail later.
  void announce_updates();
  // Before the updates: an output may be the old value of a variable.
  void copy_outputs(std::span<const Fetch> fetches);
  void assign_variables();
  const Tensor& checked(VariableId variable) const;

  const std::string engine_;
  const Graph graph_;  // its types are the shapes that the views point to
  const BufferPlan plan_;
  std::shared_ptr<VariableStore> store_;
  std::vector<Tensor> variables_;  // by VariableId; handles on the store's buffers
  Tensor arena_;
  std::vector<Step> steps_;
  std::vector<FedView> fed_views_;
  std::vector<const void*> fed_;      // by ValueId; null where it is no input or not fed
  const std::vector<bool> constant_;  // by ValueId
  std::uint64_t version_ = 0;         // of the variables as the kernels know them
  std::vector<std::string> fallbacks_;
};

std::vector<FusedNodes> fused_nodes(const std::vector<Fusion>& fusions) {
  std::vector<FusedNodes> nodes;
  for (const Fusion& fusion : fusions) nodes.push_back(fusion.fused);
  return nodes;
}

OpByOpProgram::OpByOpProgram(Engine& engine, const Graph& graph, std::vector<Fusion> fusions,
                             std::shared_ptr<VariableStore> store)
    : engine_(engine.name()),
      graph_(graph),
      plan_(plan_buffers(graph_, fused_nodes(fusions))),
      store_(std::move(store)),
      arena_(Shape{static_cast<std::int64_t>(plan_.arena_bytes)}, DType::kUInt8),
      fed_(graph_.values().size()),
      constant_(constant_values(graph_)) {
  for (const Variable& variable : graph_.variables())
    variables_.push_back(store_->get(engine_, variable.name, graph_.type(variable.value)));
  for (const int node : plan_.nodes) {
    const auto fusion =
        std::ranges::find_if(fusions, [&](const Fusion& candidate) { return candidate.fused.nodes.back() == node; });
    if (fusion == fusions.end()) {
      prepare_step(engine, node);
    } else {
      Step step = make_step(fusion->fused.inputs, fusion->fused.outputs);
      step.nodes = fusion->fused.nodes;
      step.kernel = std::move(fusion->kernel);
      steps_.push_back(std::move(step));
    }
  }
}

void OpByOpProgram::prepare_step(Engine& engine, int index) {
  const Node& node = graph_.nodes()[static_cast<std::size_t>(index)];
  OpCall call{node.op, {}, {}};
  for (const ValueId input : node.inputs) {
    call.inputs.push_back(graph_.type(input));
    call.constant.push_back(constant_[static_cast<std::size_t>(input)]);
  }
  for (const ValueId output : node.outputs) call.outputs.push_back(graph_.type(output));
  Step step = make_step(node.inputs, node.outputs);
  step.nodes = {index};
  prepare_kernel(engine, call, step);
  steps_.push_back(std::move(step));
}

OpByOpProgram::Step OpByOpProgram::make_step(std::span<const ValueId> inputs, std::span<const ValueId> outputs) {
  Step step;
  for (const ValueId input : inputs) {
    const TensorType& type = graph_.type(input);
    const auto& location = plan_.values[static_cast<std::size_t>(input)];
    if (location.place == BufferPlan::Place::kFeed) fed_views_.push_back({steps_.size(), step.inputs.size(), location.index});
    step.inputs.push_back({address(input), type.dtype, &type.shape});
  }
  for (const ValueId output : outputs) {
    const TensorType& type = graph_.type(output);
    step.outputs.push_back({address(output), type.dtype, &type.shape});
  }
  return step;
}

void OpByOpProgram::prepare_kernel(Engine& engine, const OpCall& call, Step& step) {
  Prepared prepared = engine.prepare(call);
  step.kernel = std::move(prepared.kernel);
  if (step.kernel) return;
  const std::string_view op = name_of(call.op);
  const PrepareFallback fallback = fallback_prepare.load();
  Prepared reference = fallback ? fallback(call) : Prepared{nullptr, "there is no engine to fall back to"};
  if (!reference.kernel)
    fail(engine_, "{} can not run. Expected a kernel of this engine or of the reference engine. Got refusals: {}; {}.", op,
         prepared.refusal, reference.refusal);
  log_fallback_once(engine_, op, prepared.refusal);
  fallbacks_.push_back(fmt::format("{}: {}", op, prepared.refusal));
  step.kernel = std::move(reference.kernel);
  step.is_fallback = true;
}

std::byte* OpByOpProgram::address(ValueId value) {
  const BufferPlan::Location& location = plan_.values[static_cast<std::size_t>(value)];
  switch (location.place) {
    case BufferPlan::Place::kVariable:
      return static_cast<std::byte*>(variables_[static_cast<std::size_t>(location.index)].raw());
    case BufferPlan::Place::kArena:
      return arena_at(location.offset);
    case BufferPlan::Place::kFeed:
    case BufferPlan::Place::kNowhere:
      break;
  }
  return nullptr;
}

void OpByOpProgram::take_feeds(std::span<const Feed> feeds) {
  std::fill(fed_.begin(), fed_.end(), nullptr);
  for (const Feed& feed : feeds) {
    const bool known = std::any_of(graph_.inputs().begin(), graph_.inputs().end(),
                                   [&](const NamedValue& input) { return input.value == feed.value; });
    if (!known) fail(engine_, "a feed is for no input of the graph. Expected an input's value. Got value {}.", feed.value);
    const std::string& name = graph_.values()[static_cast<std::size_t>(feed.value)].name;
    check_view(engine_, "input " + name, feed.view, graph_.type(feed.value));
    const void*& fed = fed_[static_cast<std::size_t>(feed.value)];
    if (fed) fail(engine_, "input {} is fed twice.", name);
    fed = feed.view.data;
  }
  for (const NamedValue& input : graph_.inputs())
    if (!fed_[static_cast<std::size_t>(input.value)])
      fail(engine_, "input {} is not fed. Expected {}.", input.name, to_string(graph_.type(input.value)));
  for (const FedView& view : fed_views_) steps_[view.step].inputs[view.input].data = fed_[static_cast<std::size_t>(view.value)];
}

void OpByOpProgram::check_fetches(std::span<const Fetch> fetches) const {
  for (const Fetch& fetch : fetches) {
    const auto output = std::find_if(graph_.outputs().begin(), graph_.outputs().end(),
                                     [&](const NamedValue& candidate) { return candidate.value == fetch.value; });
    if (output == graph_.outputs().end())
      fail(engine_, "a fetch is for no output of the graph. Expected an output's value. Got value {}.", fetch.value);
    check_view(engine_, "the buffer for output " + output->name, fetch.view, graph_.type(fetch.value));
  }
}

const void* OpByOpProgram::result(ValueId value) {
  const BufferPlan::Location& location = plan_.values[static_cast<std::size_t>(value)];
  return location.place == BufferPlan::Place::kFeed ? fed_[static_cast<std::size_t>(location.index)] : address(value);
}

void OpByOpProgram::run(std::span<const Feed> feeds, std::span<const Fetch> fetches) {
  check_fetches(fetches);
  take_feeds(feeds);
  refresh_kernels();
  announce_updates();
  for (Step& step : steps_) step.kernel->run(step.inputs, step.outputs);
  copy_outputs(fetches);
  assign_variables();
}

std::vector<StepTime> OpByOpProgram::run_timed(std::span<const Feed> feeds, std::span<const Fetch> fetches) {
  using Clock = std::chrono::steady_clock;
  check_fetches(fetches);
  take_feeds(feeds);
  refresh_kernels();
  announce_updates();
  std::vector<StepTime> times;
  times.reserve(steps_.size() + 1);
  auto before = Clock::now();
  const auto add = [&](std::vector<int> nodes, std::string_view algorithm) {
    const auto after = Clock::now();
    times.push_back({std::move(nodes), std::string(algorithm), std::chrono::duration<double>(after - before).count()});
    before = Clock::now();
  };
  for (Step& step : steps_) {
    step.kernel->run(step.inputs, step.outputs);
    add(step.nodes, step.is_fallback ? "reference" : step.kernel->algorithm());
  }
  copy_outputs(fetches);
  assign_variables();
  add({}, "copies");
  return times;
}

void OpByOpProgram::refresh_kernels() {
  if (version_ == store_->version()) return;
  for (Step& step : steps_) step.kernel->refresh();
  version_ = store_->version();
}

void OpByOpProgram::announce_updates() {
  if (graph_.updates().empty()) return;
  store_->mark_changed();
  version_ = store_->version();  // what this program updates is no constant of its own
}

void OpByOpProgram::copy_outputs(std::span<const Fetch> fetches) {
  for (const Fetch& fetch : fetches) std::memcpy(fetch.view.data, result(fetch.value), graph_.type(fetch.value).bytes());
}

void OpByOpProgram::assign_variables() {
  for (const BufferPlan::Copy& copy : plan_.copies)
    if (copy.staged) std::memcpy(arena_at(copy.staging), result(copy.value), graph_.type(copy.value).bytes());
  for (const BufferPlan::Copy& copy : plan_.copies) {
    Tensor& variable = variables_[static_cast<std::size_t>(copy.variable)];
    std::memcpy(variable.raw(), copy.staged ? arena_at(copy.staging) : result(copy.value), variable.bytes());
  }
}

const Tensor& OpByOpProgram::checked(VariableId variable) const {
  if (variable < 0 || variable >= static_cast<VariableId>(variables_.size()))
    fail(engine_, "there is no such variable. Expected 0 to {}. Got {}.", static_cast<int>(variables_.size()) - 1, variable);
  return variables_[static_cast<std::size_t>(variable)];
}

void OpByOpProgram::write(VariableId variable, const Tensor& value) {
  Tensor target = checked(variable);
  const std::string& name = graph_.variables()[static_cast<std::size_t>(variable)].name;
  check_view(engine_, "the value for variable " + name, value.view(), target.type());
  std::memcpy(target.raw(), value.raw(), target.bytes());
  store_->mark_changed();
}

}  // namespace

std::vector<bool> constant_values(const Graph& graph) {
  std::vector<bool> constant(graph.values().size(), false);
  for (const Variable& variable : graph.variables()) constant[static_cast<std::size_t>(variable.value)] = true;
  for (const Update& update : graph.updates()) {
    const Variable& variable = graph.variables()[static_cast<std::size_t>(update.variable)];
    constant[static_cast<std::size_t>(variable.value)] = false;
  }
  return constant;
}

std::unique_ptr<Program> compile_op_by_op(Engine& engine, const Graph& graph, Program* sharing) {
  return compile_fused(engine, graph, sharing, {});
}

std::unique_ptr<Program> compile_fused(Engine& engine, const Graph& graph, Program* sharing, std::vector<Fusion> fusions) {
  auto store = std::make_shared<VariableStore>();
  if (sharing) {
    const auto* program = dynamic_cast<const OpByOpProgram*>(sharing);
    if (!program)
      fail(engine.name(), "variables can not be shared. Expected a program that the same engine compiled op by op.");
    store = program->store();
  }
  return std::make_unique<OpByOpProgram>(engine, graph, std::move(fusions), std::move(store));
}

std::unique_ptr<Program> Engine::compile(const Graph& graph, Program* sharing) {
  return compile_op_by_op(*this, graph, sharing);
}

void set_fallback(PrepareFallback fallback) { fallback_prepare = fallback; }

}  // namespace tutti
