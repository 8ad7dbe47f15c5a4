#include "tutti/data/batches.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"

namespace tutti {

struct Batches::State {
  State(Dataset set, BatchOptions given) : data(std::move(set)), options(std::move(given)) {
    if (options.batch_size <= 0) fail("Batches", "batch_size must be positive. Got {}.", options.batch_size);
    if (options.prefetch <= 0) fail("Batches", "prefetch must be positive. Got {}.", options.prefetch);
    if (!options.augmentations.empty() && data.sample_shape().rank() != 3)
      fail("Batches", "augmentations change images. Expected samples (h, w, c). Got {}.", to_string(data.sample_shape()));
    count =
        options.drop_remainder ? data.size() / options.batch_size : (data.size() + options.batch_size - 1) / options.batch_size;
    thread = std::thread([this] { load(); });
  }
  ~State() {
    {
      std::scoped_lock lock(mutex);
      abandoned = true;
    }
    changed.notify_all();
    thread.join();
  }

  // The loader thread.
  void load() {
    try {
      if (options.shuffle) {
        order = permutation(data.size(), options.seed, "batches", options.epoch);
      } else {
        order.resize(static_cast<std::size_t>(data.size()));
        std::iota(order.begin(), order.end(), 0);
      }
      for (std::int64_t i = options.first; i < count; ++i)
        if (!put(make(i))) return;
    } catch (...) {
      std::scoped_lock lock(mutex);
      error = std::current_exception();
    }
    std::scoped_lock lock(mutex);
    finished = true;
    changed.notify_all();
  }

  Batch make(std::int64_t index) {
    const std::int64_t begin = index * options.batch_size, end = std::min(data.size(), begin + options.batch_size);
    const std::span rows = std::span(order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    Batch batch = data.batch(rows);
    if (options.augmentations.empty()) return batch;
    const Shape shape = data.sample_shape();
    auto* image = static_cast<float*>(batch.x.raw());
    for (const std::int64_t row : rows) {
      augment(options.augmentations, {image, shape[0], shape[1], shape[2]},
              {options.seed, options.epoch, static_cast<std::uint64_t>(row)}, scratch);
      image += shape.elements();
    }
    return batch;
  }

  // False if nobody wants batches any more.
  bool put(Batch batch) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return abandoned || static_cast<int>(queue.size()) < options.prefetch; });
    if (abandoned) return false;
    queue.push_back(std::move(batch));
    changed.notify_all();
    return true;
  }

  std::optional<Batch> take() {
    // A signal handler cannot notify, so the flag is looked at now and then; 50 ms is instant to a person.
    constexpr auto kPoll = std::chrono::milliseconds(50);
    std::unique_lock lock(mutex);
    while (queue.empty() && !finished) {
      check_interrupt();
      changed.wait_for(lock, kPoll);
    }
    if (!queue.empty()) {
      Batch batch = std::move(queue.front());
      queue.pop_front();
      changed.notify_all();
      return batch;
    }
    if (error) std::rethrow_exception(error);
    return std::nullopt;
  }

  Dataset data;
  BatchOptions options;
  std::int64_t count = 0;
  std::vector<std::int64_t> order;  // with scratch: the loader thread's own
  std::vector<float> scratch;

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::deque<Batch> queue;
  std::exception_ptr error;
  bool finished = false, abandoned = false;

  std::thread thread;  // last: it uses all of the above
};

Batches::Batches(Dataset data, BatchOptions options) : state_(std::make_unique<State>(std::move(data), std::move(options))) {}
Batches::~Batches() = default;
Batches::Batches(Batches&&) noexcept = default;
Batches& Batches::operator=(Batches&&) noexcept = default;

std::int64_t Batches::size() const { return state_->count; }

std::optional<Batch> Batches::next() { return state_->take(); }

}  // namespace tutti
