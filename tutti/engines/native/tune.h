// Which algorithm computes a convolution: by its shape alone, or, with $TUTTI_NATIVE_TUNE=1, the fastest as measured here.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "tutti/engines/native/kernels.h"

namespace tutti::native {

enum class ConvAlgorithm { kDirectSum, kWinograd4x4 };

// The names of Kernel::algorithm().
std::string_view conv_name(ConvAlgorithm algorithm);

// Those that can compute this Conv2D, Conv2DInputGrad or Conv2DKernelGrad.
std::vector<ConvAlgorithm> conv_candidates(const OpCall& call);
// The choice by shape alone: the same on every machine and in every run.
ConvAlgorithm default_conv(const OpCall& call);
// The one to take: default_conv(); or, if $TUTTI_NATIVE_TUNE is set and not 0, the fastest of the candidates, measured once
// for each processor, number of threads and shape and remembered in cache_dir()/native-tuning.json. Never fails for that file.
// Tuned results are the same from run to run while the file stays, but not on another number of threads.
ConvAlgorithm choose_conv(const OpCall& call);

// conv.cpp and conv_kernel_grad.cpp: an algorithm that is among the candidates, of convolutions that are no matrix product and
// not depthwise.
Prepared prepare_conv(const OpCall& call, const Conv2D& op, ConvAlgorithm algorithm);
Prepared prepare_conv(const OpCall& call, const Conv2DInputGrad& op, ConvAlgorithm algorithm);
Prepared prepare_conv(const OpCall& call, const Conv2DKernelGrad& op, ConvAlgorithm algorithm);

// Names of choices by key, in memory and in a file. A file that is missing, broken or cannot be written costs only its
// contents: that is logged once, and choices are kept in memory.
class TuningCache {
 public:
  explicit TuningCache(std::filesystem::path path);
  const std::filesystem::path& path() const { return path_; }
  std::optional<std::string> find(const std::string& key) const;
  // Keeps what other processes wrote meanwhile, also for this key; of two that write at once, one may lose its newest choice.
  void put(const std::string& key, std::string_view choice);

 private:
  void read();
  void tell(std::string_view problem);

  std::filesystem::path path_;
  std::map<std::string, std::string> choices_;
  bool told_ = false;
};

}  // namespace tutti::native
