// The native engine's matrix product against those of OpenBLAS, BLIS and oneDNN, on the shapes of the reference CNN. The
// libraries are opened at run time, each in a scope of its own as two of them export the same names; one that is not installed
// is left out, and without all of them "tutti / best" is "-". Contenders of a shape take turns in random order; a table of
// medians comes last.
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
#include <ranges>
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

std::function<void(const GemmCall&)> dnnl(void* library) {
  return [sgemm = symbol<DnnlSgemm>(library, "dnnl_sgemm")](const GemmCall& call) {
    sgemm(call.transpose_a ? 'T' : 'N', call.transpose_b ? 'T' : 'N', call.m, call.n, call.k, 1, call.a, call.lda, call.b,
          call.ldb, 0, call.c, call.ldc);
  };
}

std::vector<Contender> contenders() {
  // Debian's versions do not know newer processors and fall back to kernels of older ones.
  if (native::gemm_isa().lanes == 16) {
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    setenv("BLIS_ARCH_TYPE", "0", 0);  // skx
  }
  std::vector<Contender> all{{"tutti", native::gemm, set_num_threads}};
  const auto open = [](const std::string& file) {
    void* library = dlopen(("/usr/lib/x86_64-linux-gnu/" + file).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) fmt::print("{} is not installed: left out.\n", file);
    return library;
  };
  if (void* library = open("openblas-pthread/libopenblas.so.0"))
    all.push_back({"OpenBLAS", cblas(library), symbol<void(int)>(library, "openblas_set_num_threads")});
  if (void* library = open("blis-pthread/libblis.so.4"))
    all.push_back({"BLIS", cblas(library), symbol<void(std::int64_t)>(library, "bli_thread_set_num_threads")});
  if (void* library = open("libdnnl.so.2"))
    all.push_back({"oneDNN", dnnl(library), symbol<void(int)>(library, "omp_set_num_threads")});
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

// The largest error of C against sums in double precision, relative to their root mean square; infinite if one is NaN.
double error_of(const GemmCall& call) {
  const std::int64_t a_row = call.transpose_a ? 1 : call.lda, a_k = call.transpose_a ? call.lda : 1;
  const std::int64_t b_k = call.transpose_b ? 1 : call.ldb, b_column = call.transpose_b ? call.ldb : 1;
  double largest = 0, squares = 0;
  std::vector<double> row(static_cast<std::size_t>(call.n));
  for (std::int64_t i = 0; i < call.m; ++i) {
    std::ranges::fill(row, 0.0);
    for (std::int64_t k = 0; k < call.k; ++k)
      for (std::int64_t j = 0; j < call.n; ++j)
        row[static_cast<std::size_t>(j)] += double{call.a[i * a_row + k * a_k]} * call.b[k * b_k + j * b_column];
    for (std::int64_t j = 0; j < call.n; ++j) {
      const double exact = row[static_cast<std::size_t>(j)], error = std::abs(exact - call.c[i * call.ldc + j]);
      if (!(error <= largest)) largest = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
      squares += exact * exact;
    }
  }
  return largest / std::sqrt(squares / static_cast<double>(call.m * call.n));
}

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

void time_peak(benchmark::State& state, int threads) {
  set_num_threads(threads);
  for (auto _ : state) state.counters["GFLOP/s"] = 1e-9 * measure_peak_flops(0.05);
}

// One line of the table. False if a contender is wrong.
bool compare(const std::vector<Contender>& all, const Case& shape, int threads) {
  const Tensor a = shape.transpose_a ? drawn(shape.k, shape.m, "a") : drawn(shape.m, shape.k, "a");
  const Tensor b = shape.transpose_b ? drawn(shape.n, shape.k, "b") : drawn(shape.k, shape.n, "b");
  benchmark::ClearRegisteredBenchmarks();
  Tensor c({shape.m, shape.n});
  GemmCall call{};
  call.m = shape.m, call.n = shape.n, call.k = shape.k;
  call.a = a.data<float>().data(), call.lda = a.shape()[1], call.transpose_a = shape.transpose_a;
  call.b = b.data<float>().data(), call.ldb = b.shape()[1], call.transpose_b = shape.transpose_b;
  call.c = c.data<float>().data(), call.ldc = shape.n;
  for (const Contender& contender : all) {
    contender.set_threads(threads);
    std::ranges::fill(c.data<float>(), std::numeric_limits<float>::quiet_NaN());
    contender.run(call);
    if (const double error = error_of(call); error > 1e-4) {
      fmt::print("{}: {} errs by {:.2g} of the root mean square.\n", shape.name(), contender.name, error);
      return false;
    }
    benchmark::RegisterBenchmark(contender.name.c_str(), time_product, contender, threads, call)->UseRealTime();
  }
  benchmark::RegisterBenchmark("peak", time_peak, threads)->Iterations(1);
  Medians medians;
  benchmark::RunSpecifiedBenchmarks(&medians, "all");  // whatever BENCHMARK_FILTER says
  const double ours = medians.of("tutti"), peak = medians.of("peak");
  double best = 0;
  fmt::print("| {} | {} | {:.1f} |", shape.name(), threads, ours);
  for (const Contender& library : all | std::views::drop(1)) {
    fmt::print(" {:.1f} |", medians.of(library.name));
    best = std::max(best, medians.of(library.name));
  }
  fmt::print(" {:.1f} | {} | {:.2f} |\n", peak, best > 0 ? fmt::format("{:.2f}", ours / best) : "-", ours / peak);
  std::fflush(stdout);
  return true;
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) {
  std::string options[] = {argv[0], "--benchmark_enable_random_interleaving=true", "--benchmark_min_time=0.05",
                           fmt::format("--benchmark_repetitions={}", argc > 1 ? argv[1] : "9")};
  std::array<char*, 4> arguments{options[0].data(), options[1].data(), options[2].data(), options[3].data()};
  int count = arguments.size();
  benchmark::Initialize(&count, arguments.data());
  const auto all = tutti::contenders();
  std::string header = "| m,n,k | threads |", line = "|---|---|---|---|---|";
  for (const auto& contender : all) header += fmt::format(" {} |", contender.name), line += "---|";
  fmt::print("{} peak | tutti / best | tutti / peak |\n{}\n", header, line);
  for (const int threads : {2, 1})
    for (const auto& shape : tutti::kCases)
      if (!tutti::compare(all, shape, threads)) return 1;
}
