// Batches: the input pipeline of one epoch, prefetched on its own thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "tutti/data/augment.h"
#include "tutti/data/dataset.h"

namespace tutti {

struct BatchOptions {
  std::int64_t batch_size = 32;
  bool shuffle = false;
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  std::int64_t first = 0;       // batches of the epoch to leave out: those that an earlier process trained
  bool drop_remainder = false;  // true: no short last batch
  Augmentations augmentations;  // applied in this order; keyed by (seed, epoch, index in the data set)
  int prefetch = 3;             // finished batches that wait at most: one being used, one late, one in reserve
};

// The batches of one epoch. With shuffle, sample order is permutation(size, seed, "batches", epoch): the same on every
// engine, and an epoch can be started without having run those before it.
//
//   Batches batches(train, {.batch_size = 32, .shuffle = true, .seed = 1, .epoch = epoch});
//   while (std::optional<Batch> batch = batches.next()) ...
class Batches {
 public:
  // Starts the loader thread. Error if batch_size or prefetch is not positive.
  Batches(Dataset data, BatchOptions options);
  // May be called mid-epoch: ends the thread after the batch that it is making.
  ~Batches();
  Batches(Batches&&) noexcept;
  Batches& operator=(Batches&&) noexcept;

  // Batches of an epoch, the short one included unless dropped.
  std::int64_t size() const;
  // The next batch, or nothing at the end of the epoch. Rethrows what the loader thread threw; throws Interrupted when
  // the interrupt flag is set while waiting.
  std::optional<Batch> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tutti
