// A list of steps on numbered buffers: what a graph was lowered to.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tutti/engines/onednn/descriptors.h"

namespace tutti::onednn {

using BufferId = int;  // index of a buffer of a Plan

// Memory and how it is to be read.
struct Operand {
  BufferId buffer = -1;
  Desc desc;
};

struct Argument {
  int name;  // DNNL_ARG_SRC, ...
  Operand operand;
};

// Built once (add..., then finish), run many times. Buffers that are never alive together share memory.
class Plan {
 public:
  Plan();

  BufferId add_buffer(std::size_t bytes);
  // Memory that bind() gives before the next run.
  BufferId add_bound_buffer();
  bool is_bound(BufferId buffer) const { return buffers_[index(buffer)].bound; }

  // The scratchpad of `descriptor` becomes one more buffer.
  void add_primitive(const dnnl::primitive_desc_base& descriptor, const dnnl::primitive& primitive,
                     std::vector<Argument> arguments);
  // `body` reads and writes only the buffers `touched`.
  void add_loop(std::string name, std::vector<BufferId> touched, std::function<void()> body);
  void add_reorder(const Operand& from, const Operand& to);
  void add_copy(BufferId from, BufferId to, std::size_t bytes);
  // Lays out the buffers. Nothing may be added afterwards.
  void finish();

  void bind(BufferId buffer, void* memory);
  // Valid from finish() on, so inside the bodies of loops.
  template <class T>
  T* data(BufferId buffer) const {
    return static_cast<T*>(buffers_[index(buffer)].memory);
  }
  // With `seconds`: sets what each step took.
  void run(std::vector<double>* seconds = nullptr);

  std::size_t workspace_bytes() const { return arena_bytes_; }
  std::size_t step_count() const { return steps_.size(); }
  // One line a step, for tests and for reading: "jit:avx512_core", "reorder", the names of loops.
  std::vector<std::string> describe_steps() const;

 private:
  struct Buffer {
    std::size_t bytes = 0, offset = 0;
    int first_step = -1, last_step = -1;
    bool bound = false;
    void* memory = nullptr;
    std::vector<dnnl::memory> handles;  // oneDNN's objects on this buffer
  };
  struct Step {
    std::string name;
    std::vector<BufferId> touched;
    std::function<void()> body;  // a loop, or empty:
    dnnl::primitive primitive;
    std::vector<Argument> arguments;
    std::unordered_map<int, dnnl::memory> memories;
  };
  struct FreeAligned {
    void operator()(void* memory) const;
  };

  static std::size_t index(BufferId buffer) { return static_cast<std::size_t>(buffer); }
  void find_lifetimes();
  void assign_offsets();
  void make_memories();

  dnnl::stream stream_;
  std::vector<Buffer> buffers_;
  std::vector<Step> steps_;
  std::unique_ptr<void, FreeAligned> arena_;
  std::size_t arena_bytes_ = 0;
};

}  // namespace tutti::onednn
