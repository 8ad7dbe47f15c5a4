#include "tutti/engines/onednn/plan.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>

namespace tutti::onednn {
namespace {

// Cache line and AVX-512 vector.
constexpr std::size_t kAlignment = 64;

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

void Plan::FreeAligned::operator()(void* memory) const { std::free(memory); }

Plan::Plan() : stream_(cpu_engine()) {}

BufferId Plan::add_buffer(std::size_t bytes) {
  buffers_.push_back({.bytes = aligned(std::max<std::size_t>(bytes, 1))});
  return static_cast<BufferId>(buffers_.size()) - 1;
}

BufferId Plan::add_bound_buffer() {
  buffers_.push_back({.bound = true});
  return static_cast<BufferId>(buffers_.size()) - 1;
}

void Plan::add_primitive(const dnnl::primitive_desc_base& descriptor, const dnnl::primitive& primitive,
                         std::vector<Argument> arguments) {
  if (const Desc scratchpad = descriptor.scratchpad_desc(); scratchpad.get_size() > 0)
    arguments.push_back({DNNL_ARG_SCRATCHPAD, {add_buffer(scratchpad.get_size()), scratchpad}});
  Step step{.name = descriptor.impl_info_str(), .primitive = primitive, .arguments = std::move(arguments)};
  for (const Argument& argument : step.arguments) step.touched.push_back(argument.operand.buffer);
  steps_.push_back(std::move(step));
}

void Plan::add_loop(std::string name, std::vector<BufferId> touched, std::function<void()> body) {
  steps_.push_back({.name = std::move(name), .touched = std::move(touched), .body = std::move(body)});
}

void Plan::add_reorder(const Operand& from, const Operand& to) {
  const dnnl::reorder::primitive_desc descriptor(cpu_engine(), from.desc, cpu_engine(), to.desc, scratchpad_attributes());
  add_primitive(descriptor, dnnl::reorder(descriptor), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
  steps_.back().name = "reorder";
}

void Plan::add_copy(BufferId from, BufferId to, std::size_t bytes) {
  add_loop("copy", {from, to}, [this, from, to, bytes] {
    if (bytes > 0) std::memcpy(data<void>(to), data<void>(from), bytes);
  });
}

void Plan::finish() {
  find_lifetimes();
  assign_offsets();
  make_memories();
}

void Plan::find_lifetimes() {
  for (int step = 0; step < static_cast<int>(steps_.size()); ++step) {
    for (const BufferId id : steps_[static_cast<std::size_t>(step)].touched) {
      Buffer& buffer = buffers_[index(id)];
      if (buffer.first_step < 0) buffer.first_step = step;
      buffer.last_step = step;
    }
  }
}

// Largest first, each at the lowest offset where it meets no buffer that is alive with it.
void Plan::assign_offsets() {
  std::vector<Buffer*> order, placed;
  for (Buffer& buffer : buffers_)
    if (!buffer.bound && buffer.first_step >= 0) order.push_back(&buffer);
  std::stable_sort(order.begin(), order.end(), [](const Buffer* a, const Buffer* b) { return a->bytes > b->bytes; });
  for (Buffer* buffer : order) {
    buffer->offset = 0;
    for (const Buffer* other : placed) {  // sorted by offset
      if (other->first_step > buffer->last_step || buffer->first_step > other->last_step) continue;
      if (buffer->offset + buffer->bytes <= other->offset) break;
      buffer->offset = std::max(buffer->offset, other->offset + other->bytes);
    }
    const auto after = [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), buffer, after), buffer);
    arena_bytes_ = std::max(arena_bytes_, buffer->offset + buffer->bytes);
  }
  if (arena_bytes_ == 0) return;
  arena_.reset(std::aligned_alloc(kAlignment, aligned(arena_bytes_)));
  if (!arena_) throw std::bad_alloc();
  for (Buffer* buffer : order) buffer->memory = static_cast<std::byte*>(arena_.get()) + buffer->offset;
}

void Plan::make_memories() {
  for (Step& step : steps_) {
    for (const auto& [name, operand] : step.arguments) {
      Buffer& buffer = buffers_[index(operand.buffer)];
      // Without memory yet for a bound buffer: bind() sets the handle.
      dnnl::memory memory(operand.desc, cpu_engine(), buffer.memory);
      step.memories.emplace(name, memory);
      if (buffer.bound) buffer.handles.push_back(memory);
    }
  }
}

void Plan::bind(BufferId id, void* memory) {
  Buffer& buffer = buffers_[index(id)];
  assert(buffer.bound);
  if (buffer.memory == memory) return;
  buffer.memory = memory;
  for (dnnl::memory& handle : buffer.handles) handle.set_data_handle(memory);
}

void Plan::run(std::vector<double>* seconds) {
  using Clock = std::chrono::steady_clock;
  auto before = Clock::now();
  for (Step& step : steps_) {
    if (step.body)
      step.body();
    else
      step.primitive.execute(stream_, step.memories);
    if (!seconds) continue;
    stream_.wait();
    const auto after = Clock::now();
    seconds->push_back(std::chrono::duration<double>(after - before).count());
    before = after;
  }
  stream_.wait();
}

std::vector<std::string> Plan::describe_steps() const {
  std::vector<std::string> lines;
  for (const Step& step : steps_) lines.push_back(step.name);
  return lines;
}

}  // namespace tutti::onednn
