#include "tutti/engines/onednn/program.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <set>

#include "tutti/base/error.h"
#include "tutti/base/log.h"
#include "tutti/base/parallel.h"
#include "tutti/engines/reference/reference.h"

namespace tutti::onednn {

Executor::Executor(Graph graph, Fallback fallback) : graph_(std::move(graph)), fallback_(std::move(fallback)) {}

bool Executor::build() {
  const ThreadScope threads;
  threads_ = num_threads();
  plan_ = std::make_unique<Plan>();
  Lowering lowering(graph_, *plan_);
  for (const NamedValue& input : graph_.inputs()) sources_[input.value] = lowering.source_buffer(input.value);
  for (const Variable& variable : graph_.variables()) sources_[variable.value] = lowering.source_buffer(variable.value);
  for (const NamedValue& output : graph_.outputs()) outputs_[output.value] = lowering.output_buffer(output.value);
  const bool complete =
      lowering.run([&](const Node& node, const Refusal& refusal) { return fallback_(lowering, node, refusal); });
  nodes_of_steps_ = lowering.nodes_of_steps();
  return complete;
}

bool Executor::is_stale() const { return threads_ != num_threads(); }

void Executor::bind_source(ValueId value, const void* memory) {
  // Plans know one kind of memory; steps write only to variables among these.
  plan_->bind(sources_.at(value), const_cast<void*>(memory));
}

void Executor::bind_output(ValueId value, void* memory) {
  if (!memory) {
    Tensor& spare = spare_outputs_[value];
    if (!spare.raw()) spare = Tensor(graph_.type(value));
    memory = spare.raw();
  }
  plan_->bind(outputs_.at(value), memory);
}

void Executor::run() {
  const ThreadScope threads;
  plan_->run();
}

// The steps of the same nodes are one: "reorder + jit:avx512_core".
std::vector<StepTime> Executor::run_timed() {
  const ThreadScope threads;
  std::vector<double> seconds;
  plan_->run(&seconds);
  const std::vector<std::string> names = plan_->describe_steps();
  std::vector<StepTime> times;
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    if (times.empty() || times.back().nodes != nodes_of_steps_[i]) times.push_back({nodes_of_steps_[i], "", 0});
    StepTime& time = times.back();
    time.seconds += seconds[i];
    time.algorithm += time.algorithm.empty() ? names[i] : " + " + names[i];
  }
  return times;
}

// --- One op.

namespace {

class OneOpKernel final : public Kernel {
 public:
  explicit OneOpKernel(std::unique_ptr<Executor> executor) : executor_(std::move(executor)) {}

  void run(std::span<const ConstView> in, std::span<const View> out) override {
    if (executor_->is_stale()) executor_->build();
    const Graph& graph = executor_->graph();
    for (std::size_t i = 0; i < in.size(); ++i) executor_->bind_source(graph.inputs()[i].value, in[i].data);
    for (std::size_t i = 0; i < out.size(); ++i) executor_->bind_output(graph.outputs()[i].value, out[i].data);
    executor_->run();
  }

 private:
  std::unique_ptr<Executor> executor_;
};

Graph graph_of(const OpCall& call) {
  Graph graph;
  std::vector<ValueId> inputs;
  for (const TensorType& type : call.inputs) inputs.push_back(graph.input(fmt::format("in{}", inputs.size()), type));
  for (const ValueId output : graph.add(call.op, inputs)) graph.output(fmt::format("out{}", graph.outputs().size()), output);
  return graph;
}

}  // namespace

Prepared prepare_op(const OpCall& call) {
  try {
    auto refusal = std::make_shared<Refusal>();
    auto executor = std::make_unique<Executor>(graph_of(call), [refusal](Lowering&, const Node&, const Refusal& reason) {
      *refusal = reason;
      return false;
    });
    if (!executor->build()) return {nullptr, *refusal};
    return {std::make_unique<OneOpKernel>(std::move(executor)), ""};
  } catch (const std::exception& error) {
    return {nullptr, error.what()};
  }
}

// --- A whole graph.

namespace {

constexpr std::string_view kName = "onednn";

// The variables of one or more programs, by name. Their buffers stay where they are.
using VariableStore = std::map<std::string, Tensor, std::less<>>;

Tensor variable_in(VariableStore& store, const std::string& name, const TensorType& type) {
  const auto [found, created] = store.try_emplace(name);
  if (created) found->second = Tensor(type);
  if (found->second.type() != type)
    fail(kName, "variable {} is shared with another type. Expected {}. Got {}.", name, to_string(found->second.type()),
         to_string(type));
  return found->second;
}

// Error unless `view` is memory of this type.
void check_view(std::string_view what, const ConstView& view, const TensorType& type) {
  const TensorType got{view.dtype, view.shape ? *view.shape : Shape{}};
  if (got != type) fail(kName, "{} has the wrong type. Expected {}. Got {}.", what, to_string(type), to_string(got));
  if (!view.data) fail(kName, "{} has no memory. Expected {}. Got a null pointer.", what, to_string(type));
}

void log_fallback_once(std::string_view op, std::string_view refusal) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> logged;
  const std::lock_guard lock(mutex);
  if (logged.emplace(op).second) log_info("{}: {} runs on the reference engine: {}", kName, op, refusal);
}

// Adds a step that runs the reference engine's kernel on row-major memory.
void add_reference_step(Lowering& lowering, const Node& node, const Refusal& refusal) {
  OpCall call{node.op, {}, {}};
  for (const ValueId input : node.inputs) call.inputs.push_back(lowering.type(input));
  for (const ValueId output : node.outputs) call.outputs.push_back(lowering.type(output));
  Prepared prepared = prepare_reference(call);
  if (!prepared.kernel)
    fail(kName, "{} can not run. Expected a kernel of this engine or of the reference engine. Got refusals: {}; {}.",
         name_of(node.op), refusal, prepared.refusal);
  std::vector<BufferId> inputs, outputs;
  for (const ValueId input : node.inputs) inputs.push_back(lowering.plain(input).buffer);
  for (const ValueId output : node.outputs) outputs.push_back(lowering.out_plain(output).buffer);
  std::vector<BufferId> touched = inputs;
  touched.insert(touched.end(), outputs.begin(), outputs.end());
  const Plan* plan = &lowering.plan();
  auto body = [plan, inputs, outputs, call, kernel = std::shared_ptr<Kernel>(std::move(prepared.kernel))] {
    std::vector<ConstView> in;
    std::vector<View> out;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      in.push_back({plan->data<void>(inputs[i]), call.inputs[i].dtype, &call.inputs[i].shape});
    for (std::size_t i = 0; i < outputs.size(); ++i)
      out.push_back({plan->data<void>(outputs[i]), call.outputs[i].dtype, &call.outputs[i].shape});
    kernel->run(in, out);
  };
  lowering.plan().add_loop(fmt::format("reference {}", name_of(node.op)), std::move(touched), std::move(body));
}

class GraphProgram final : public Program {
 public:
  GraphProgram(const Graph& graph, std::shared_ptr<VariableStore> store);

  void run(std::span<const Feed> feeds, std::span<const Fetch> fetches) override;
  std::vector<StepTime> run_timed(std::span<const Feed> feeds, std::span<const Fetch> fetches) override;
  Tensor read(VariableId variable) const override { return checked(variable).clone(); }
  void write(VariableId variable, const Tensor& value) override;
  std::size_t workspace_bytes() const override { return executor_.plan().workspace_bytes(); }
  std::vector<std::string> fallbacks() const override { return fallbacks_; }

  const std::shared_ptr<VariableStore>& store() const { return store_; }

 private:
  bool fall_back(Lowering& lowering, const Node& node, const Refusal& refusal);
  void build();
  // Binds, runs `body`, copies what could not be bound.
  template <class Body>
  void around(std::span<const Feed> feeds, std::span<const Fetch> fetches, const Body& body);
  void bind_feeds(std::span<const Feed> feeds);
  // Returns the fetches that want a copy at the end.
  std::vector<Fetch> bind_fetches(std::span<const Feed> feeds, std::span<const Fetch> fetches);
  const Tensor& checked(VariableId variable) const;

  std::shared_ptr<VariableStore> store_;
  std::vector<Tensor> variables_;  // by VariableId; handles on the store's buffers
  std::vector<std::string> fallbacks_;
  Executor executor_;
};

GraphProgram::GraphProgram(const Graph& graph, std::shared_ptr<VariableStore> store)
    : store_(std::move(store)), executor_(graph, [this](Lowering& lowering, const Node& node, const Refusal& refusal) {
        return fall_back(lowering, node, refusal);
      }) {
  for (const Variable& variable : graph.variables())
    variables_.push_back(variable_in(*store_, variable.name, graph.type(variable.value)));
  build();
}

void GraphProgram::build() {
  fallbacks_.clear();
  executor_.build();
  const Graph& graph = executor_.graph();
  for (std::size_t i = 0; i < variables_.size(); ++i) executor_.bind_source(graph.variables()[i].value, variables_[i].raw());
}

bool GraphProgram::fall_back(Lowering& lowering, const Node& node, const Refusal& refusal) {
  const std::string_view op = name_of(node.op);
  log_fallback_once(op, refusal);
  fallbacks_.push_back(fmt::format("{}: {}", op, refusal));
  add_reference_step(lowering, node, refusal);
  return true;
}

void GraphProgram::bind_feeds(std::span<const Feed> feeds) {
  const Graph& graph = executor_.graph();
  const auto fed_value = [](const Feed& feed) { return feed.value; };
  for (const Feed& feed : feeds) {
    const auto& inputs = graph.inputs();
    if (std::ranges::find(inputs, feed.value, &NamedValue::value) == inputs.end())
      fail(kName, "a feed is for no input of the graph. Expected an input's value. Got value {}.", feed.value);
  }
  for (const NamedValue& input : graph.inputs()) {
    const auto feed = std::ranges::find(feeds, input.value, fed_value);
    if (feed == feeds.end()) fail(kName, "input {} is not fed. Expected {}.", input.name, to_string(graph.type(input.value)));
    if (std::ranges::count(feeds, input.value, fed_value) > 1) fail(kName, "input {} is fed twice.", input.name);
    check_view("input " + input.name, feed->view, graph.type(input.value));
    executor_.bind_source(input.value, feed->view.data);
  }
}

std::vector<Fetch> GraphProgram::bind_fetches(std::span<const Feed> feeds, std::span<const Fetch> fetches) {
  const Graph& graph = executor_.graph();
  const auto bytes_of = [&](ValueId value) { return graph.type(value).bytes(); };
  const auto overlaps_a_feed = [&](const Fetch& fetch) {
    const auto* begin = static_cast<const std::byte*>(fetch.view.data);
    return std::ranges::any_of(feeds, [&](const Feed& feed) {
      const auto* fed = static_cast<const std::byte*>(feed.view.data);
      return begin < fed + bytes_of(feed.value) && fed < begin + bytes_of(fetch.value);
    });
  };
  std::set<ValueId> bound;
  std::vector<Fetch> later;
  for (const Fetch& fetch : fetches) {
    const auto output = std::ranges::find(graph.outputs(), fetch.value, &NamedValue::value);
    if (output == graph.outputs().end())
      fail(kName, "a fetch is for no output of the graph. Expected an output's value. Got value {}.", fetch.value);
    check_view("the buffer for output " + output->name, fetch.view, graph.type(fetch.value));
    if (!overlaps_a_feed(fetch) && bound.insert(fetch.value).second)
      executor_.bind_output(fetch.value, fetch.view.data);
    else
      later.push_back(fetch);
  }
  for (const NamedValue& output : graph.outputs())
    if (!bound.contains(output.value)) executor_.bind_output(output.value, nullptr);
  return later;
}

void GraphProgram::run(std::span<const Feed> feeds, std::span<const Fetch> fetches) {
  around(feeds, fetches, [this] { executor_.run(); });
}

std::vector<StepTime> GraphProgram::run_timed(std::span<const Feed> feeds, std::span<const Fetch> fetches) {
  std::vector<StepTime> times;
  around(feeds, fetches, [&] { times = executor_.run_timed(); });
  return times;
}

template <class Body>
void GraphProgram::around(std::span<const Feed> feeds, std::span<const Fetch> fetches, const Body& body) {
  if (executor_.is_stale()) build();
  bind_feeds(feeds);
  const std::vector<Fetch> later = bind_fetches(feeds, fetches);
  body();
  for (const Fetch& fetch : later)
    std::memcpy(fetch.view.data, executor_.output(fetch.value), executor_.graph().type(fetch.value).bytes());
}

const Tensor& GraphProgram::checked(VariableId variable) const {
  if (variable < 0 || variable >= static_cast<VariableId>(variables_.size()))
    fail(kName, "there is no such variable. Expected 0 to {}. Got {}.", static_cast<int>(variables_.size()) - 1, variable);
  return variables_[static_cast<std::size_t>(variable)];
}

void GraphProgram::write(VariableId variable, const Tensor& value) {
  Tensor target = checked(variable);
  const std::string& name = executor_.graph().variables()[static_cast<std::size_t>(variable)].name;
  check_view("the value for variable " + name, value.view(), target.type());
  std::memcpy(target.raw(), value.raw(), target.bytes());
}

}  // namespace

std::unique_ptr<Program> compile_graph(const Graph& graph, Program* sharing) {
  auto store = std::make_shared<VariableStore>();
  if (sharing) {
    const auto* program = dynamic_cast<const GraphProgram*>(sharing);
    if (!program) fail(kName, "variables can not be shared. Expected a program of the onednn engine.");
    store = program->store();
  }
  return std::make_unique<GraphProgram>(graph, std::move(store));
}

}  // namespace tutti::onednn
