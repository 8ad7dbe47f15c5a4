#include "tutti/base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tutti {
namespace {

constexpr std::int64_t kPartsPerThread = 4;

thread_local bool inside_parallel_for = false;

int cpus_allowed() {
  cpu_set_t set;
  int count = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
  // cgroup v2: "max 100000" or "<quota> <period>".
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (file >> quota >> period && quota != "max" && period > 0)
    count = std::min(count, std::max(1, static_cast<int>(std::atof(quota.c_str()) / period + 0.5)));
  return std::max(1, count);
}

int initial_threads() {
  if (const char* text = std::getenv("TUTTI_NUM_THREADS"))
    if (const int count = std::atoi(text); count > 0) return std::min(count, 1024);
  return cpus_allowed();
}

// Workers wait for a job; job k is the range body(k). A short spin before sleeping keeps the
// latency of the many small loops of a training step below that of a futex wake-up.
class Pool {
 public:
  ~Pool() { resize(1); }

  int size() const { return size_; }

  void resize(int count) {
    std::scoped_lock run(run_mutex_);
    {
      std::scoped_lock lock(mutex_);
      stop_ = true;
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    stop_ = false;
    size_ = std::max(1, count);
    queues_ = std::vector<Queue>(static_cast<std::size_t>(size_));
    const std::uint64_t now = generation_.load();
    for (int index = 1; index < size_; ++index) workers_.emplace_back([this, index, now] { work(index, now); });
  }

  void run(int parts, const std::function<void(int)>& job) {
    std::scoped_lock run(run_mutex_);
    job_ = &job;
    for (int index = 0; index < size_; ++index) {
      Queue& queue = queues_[static_cast<std::size_t>(index)];
      queue.next.store(parts * index / size_, std::memory_order_relaxed);
      queue.end = parts * (index + 1) / size_;
    }
    error_ = nullptr;
    pending_.store(size_ - 1, std::memory_order_relaxed);
    {
      std::scoped_lock lock(mutex_);
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    execute(0);
    for (int spin = 0; pending_.load(std::memory_order_acquire) != 0; ++spin) {
      if (spin < kSpins) {
        relax();
        continue;
      }
      std::unique_lock lock(mutex_);
      done_.wait(lock, [this] { return pending_.load(std::memory_order_acquire) == 0; });
    }
    if (error_) std::rethrow_exception(error_);
  }

 private:
  // 20 to 200 microseconds, as long as a processor pauses: the gap between two kernels of one training step, and what the last
  // of them to end keeps the others waiting. A wake-up of a virtual machine's processor takes as long.
  static constexpr int kSpins = 4000;

  // The parts of a thread that nobody has begun.
  struct alignas(64) Queue {
    std::atomic<int> next{0};
    int end = 0;
  };

  // First its own parts, then what other threads have left.
  void execute(int index) {
    inside_parallel_for = true;
    try {
      for (int i = 0; i < size_; ++i) {
        Queue& queue = queues_[static_cast<std::size_t>((index + i) % size_)];
        for (int part = queue.next++; part < queue.end; part = queue.next++) (*job_)(part);
      }
    } catch (...) {
      std::scoped_lock lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
    inside_parallel_for = false;
  }

  void work(int index, std::uint64_t seen) {
    while (true) {
      for (int spin = 0; spin < kSpins && generation_.load(std::memory_order_acquire) == seen; ++spin) relax();
      if (generation_.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
      }
      seen = generation_.load(std::memory_order_acquire);
      if (stop_.load(std::memory_order_acquire)) return;
      execute(index);
      if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::scoped_lock lock(mutex_);
        done_.notify_one();
      }
    }
  }

  static void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  std::mutex run_mutex_, mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> workers_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> pending_{0};
  std::atomic<bool> stop_{false};
  const std::function<void(int)>* job_ = nullptr;
  std::exception_ptr error_;
  std::vector<Queue> queues_;  // a thread each
  std::atomic<int> size_{1};
};

Pool& pool() {
  static Pool* instance = [] {
    auto* created = new Pool;  // never destroyed: a static destructor may still run parallel_for
    created->resize(initial_threads());
    return created;
  }();
  return *instance;
}

}  // namespace

int num_threads() { return pool().size(); }

void set_num_threads(int count) { pool().resize(count); }

void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& body) {
  const std::int64_t count = end - begin;
  if (count <= 0) return;
  grain = std::max<std::int64_t>(1, grain);
  const std::int64_t threads = inside_parallel_for ? 1 : num_threads();
  // More than threads: one that other processes hold up leaves parts to the others.
  const std::int64_t parts = threads == 1 ? 1 : std::min(kPartsPerThread * threads, (count + grain - 1) / grain);
  if (parts <= 1) return body(begin, end);
  pool().run(static_cast<int>(parts),
             [&](int part) { body(begin + count * part / parts, begin + count * (part + 1) / parts); });
}

}  // namespace tutti
