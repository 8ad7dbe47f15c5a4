// The native engine's matrix product against those of OpenBLAS, BLIS and oneDNN, on the shapes of the reference CNN. The
// libraries are opened at run time, each in a scope of its own as two of them export the same names; one that is not installed
// is left out. Contenders of a shape take turns in random order; a table of medians comes last.
//
//   bench_gemm [REPETITIONS]     # default 9; Debian: libopenblas0-pthread libblis4-pthread libdnnl2
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <thread>

#include "tutti/base/parallel.h"
#include "tutti/base/philox.h"
#include "tutti/engines/engines.h"
#include "tutti/engines/native/gemm.h"
#include "tutti/engines/native/isa/gemm.h"

namespace tutti {
namespace {

using native::GemmCall;

struct Contender {
  std::string name;
  std::function<void(const GemmCall&)> run;
  std::function<void(int)> set_threads;
};

template <class Function>
Function* symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

using CblasSgemm = void(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float* a, int lda,
                        const float* b, int ldb, float beta, float* c, int ldc);
using DnnlSgemm = int(char transpose_a, char transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
                      const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c,
                      std::int64_t ldc);

std::function<void(const GemmCall&)> cblas(void* library) {
  return [sgemm = symbol<CblasSgemm>(library, "cblas_sgemm")](const GemmCall& call) {
    constexpr int kRowMajor = 101, kPlain = 111, kTransposed = 112;
    const auto narrow = [](std::int64_t value) { return static_cast<int>(value); };
    sgemm(kRowMajor, call.transpose_a ? kTransposed : kPlain, call.transpose_b ? kTransposed : kPlain, narrow(call.m),
          narrow(call.n), narrow(call.k), 1, call.a, narrow(call.lda), call.b, narrow(call.ldb), 0, call.c, narrow(call.ldc));
  };
}

std::vector<Contender> contenders() {
  // Debian's versions do not know newer processors and fall back to kernels of older ones.
  if (native::gemm_isa().lanes == 16) {
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    setenv("BLIS_ARCH_TYPE", "0", 0);  // skx
  }
  std::vector<Contender> all{{"tutti", native::gemm, set_num_threads}};
  const auto open = [](const char* directory, const char* name) {
    for (const char* path : {directory, ""})
      if (void* library = dlopen(fmt::format("{}{}", path, name).c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    fmt::print("{} is not installed: left out.\n", name);
    return static_cast<void*>(nullptr);
  };
  if (void* library = open("/usr/lib/x86_64-linux-gnu/openblas-pthread/", "libopenblas.so.0"))
    all.push_back({"OpenBLAS", cblas(library), symbol<void(int)>(library, "openblas_set_num_threads")});
  if (void* library = open("/usr/lib/x86_64-linux-gnu/blis-pthread/", "libblis.so.4"))
    all.push_back({"BLIS", cblas(library), symbol<void(std::int64_t)>(library, "bli_thread_set_num_threads")});
  if (void* library = open("/usr/lib/x86_64-linux-gnu/", "libdnnl.so.2"))
    all.push_back({"oneDNN",
                   [sgemm = symbol<DnnlSgemm>(library, "dnnl_sgemm")](const GemmCall& call) {
                     sgemm(call.transpose_a ? 'T' : 'N', call.transpose_b ? 'T' : 'N', call.m, call.n, call.k, 1, call.a,
                           call.lda, call.b, call.ldb, 0, call.c, call.ldc);
                   },
                   symbol<void(int)>(library, "omp_set_num_threads")});
  return all;
}

struct Case {
  std::int64_t m, n, k;
  bool transpose_a = false, transpose_b = false;
  std::string name() const { return fmt::format("{},{},{}{}{}", m, n, k, transpose_a ? " A'" : "", transpose_b ? " B'" : ""); }
};
const Case kCases[] = {{32, 512, 2304},   {2304, 512, 32, true},  {32, 2304, 512, false, true},
                       {128, 512, 2304},  {2304, 512, 128, true}, {128, 2304, 512, false, true},
                       {8192, 64, 64},    {32768, 128, 64},       {512, 512, 512},
                       {1024, 1024, 1024}};

Tensor drawn(std::int64_t rows, std::int64_t columns, const char* name) {
  Tensor tensor({rows, columns});
  const Philox random(1, stream_of(name));
  std::uint64_t i = 0;
  for (float& value : tensor.data<float>()) value = static_cast<float>(random.uniform(i++) - 0.5);
  return tensor;
}

class Product {
 public:
  explicit Product(const Case& shape)
      : a_(shape.transpose_a ? drawn(shape.k, shape.m, "a") : drawn(shape.m, shape.k, "a")),
        b_(shape.transpose_b ? drawn(shape.n, shape.k, "b") : drawn(shape.k, shape.n, "b")),
        c_({shape.m, shape.n}),
        call_{shape.m,
              shape.n,
              shape.k,
              a_.data<float>().data(),
              a_.shape()[1],
              shape.transpose_a,
              b_.data<float>().data(),
              b_.shape()[1],
              shape.transpose_b,
              nullptr,
              c_.data<float>().data(),
              shape.n} {}
  const GemmCall& call() const { return call_; }

  // C in double precision.
  std::vector<double> exact() const {
    const std::int64_t a_row = call_.transpose_a ? 1 : call_.lda, a_k = call_.transpose_a ? call_.lda : 1;
    const std::int64_t b_k = call_.transpose_b ? 1 : call_.ldb, b_column = call_.transpose_b ? call_.ldb : 1;
    std::vector<double> c(static_cast<std::size_t>(call_.m * call_.n));
    parallel_for(0, call_.m, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        for (std::int64_t k = 0; k < call_.k; ++k)
          for (std::int64_t j = 0; j < call_.n; ++j)
            c[static_cast<std::size_t>(i * call_.n + j)] +=
                double{call_.a[i * a_row + k * a_k]} * call_.b[k * b_k + j * b_column];
    });
    return c;
  }
  // The largest error of C, relative to the root mean square of the exact one; NaN if a value is.
  double error(const std::vector<double>& exact) const {
    double largest = 0, squares = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const double error = std::abs(exact[i] - call_.c[i]);
      // Once NaN, always NaN.
      largest = error <= largest || std::isnan(largest) ? largest : error;
      squares += exact[i] * exact[i];
    }
    return largest / std::sqrt(squares / static_cast<double>(exact.size()));
  }

 private:
  Tensor a_, b_, c_;
  GemmCall call_;
};

// Collects GFLOP/s by contender.
class Medians : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs)
      if (run.run_type == Run::RT_Iteration) values_[run.run_name.function_name].push_back(run.counters.at("GFLOP/s"));
  }
  double of(const std::string& name) {
    std::vector<double>& values = values_.at(name);
    std::ranges::sort(values);
    return values[values.size() / 2];
  }

 private:
  std::map<std::string, std::vector<double>> values_;
};

void time_product(benchmark::State& state, const Contender& contender, int threads, const GemmCall& call) {
  contender.set_threads(threads);
  // Threads of the contender before may spin for a while; ours are to start awake.
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  for (int i = 0; i < 3; ++i) contender.run(call);
  for (auto _ : state) contender.run(call);
  const double flop = 2.0 * static_cast<double>(call.m * call.n * call.k);
  state.counters["GFLOP/s"] = benchmark::Counter(1e-9 * flop, benchmark::Counter::kIsIterationInvariantRate);
}

void compare(const std::vector<Contender>& all, const Case& shape, int threads, int repetitions) {
  const Product product(shape);
  benchmark::ClearRegisteredBenchmarks();
  for (const Contender& contender : all)
    benchmark::RegisterBenchmark(contender.name.c_str(), time_product, contender, threads, product.call())
        ->UseRealTime()
        ->MinTime(0.05)
        ->Repetitions(repetitions);
  benchmark::RegisterBenchmark("peak",
                               [threads](benchmark::State& state) {
                                 set_num_threads(threads);
                                 double flops = 0;
                                 for (auto _ : state) flops = measure_peak_flops(0.05);
                                 state.counters["GFLOP/s"] = 1e-9 * flops;
                               })
      ->Iterations(1)
      ->Repetitions(repetitions);
  Medians medians;
  benchmark::RunSpecifiedBenchmarks(&medians);
  double best = 0;
  fmt::print("| {} | {} |", shape.name(), threads);
  for (const Contender& contender : all) {
    fmt::print(" {:.1f} |", medians.of(contender.name));
    if (&contender != &all.front()) best = std::max(best, medians.of(contender.name));
  }
  const double ours = medians.of("tutti");
  fmt::print(" {:.1f} | {} | {:.2f} |\n", medians.of("peak"), best > 0 ? fmt::format("{:.2f}", ours / best) : "-",
             ours / medians.of("peak"));
  std::fflush(stdout);
}

bool all_agree(const std::vector<Contender>& all) {
  bool agree = true;
  for (const Case& shape : kCases) {
    const Product product(shape);
    const std::vector<double> exact = product.exact();
    for (const Contender& contender : all) {
      std::fill_n(product.call().c, exact.size(), std::numeric_limits<float>::quiet_NaN());
      contender.run(product.call());
      const double error = product.error(exact);
      if (error <= 1e-4) continue;
      fmt::print("{}: {} errs by {:.2g} of the root mean square.\n", shape.name(), contender.name, error);
      agree = false;
    }
  }
  return agree;
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::atoi(argv[1]) : 9;
  std::string name = argv[0], interleave = "--benchmark_enable_random_interleaving=true";
  std::array<char*, 2> options{name.data(), interleave.data()};
  int count = options.size();
  benchmark::Initialize(&count, options.data());
  const auto all = tutti::contenders();
  if (!tutti::all_agree(all)) return 1;
  fmt::print("| m,n,k | threads |");
  for (const auto& contender : all) fmt::print(" {} |", contender.name);
  fmt::print(" peak | tutti / best | tutti / peak |\n|---|---|");
  for (std::size_t column = 0; column < all.size() + 3; ++column) fmt::print("---|");
  fmt::print("\n");
  for (const int threads : {2, 1})
    for (const auto& shape : tutti::kCases) tutti::compare(all, shape, threads, repetitions);
}
