#include <sys/statvfs.h>
#include <unistd.h>

#include <fstream>

#include <fmt/format.h>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/parallel.h"
#include "tutti/base/process.h"
#include "tutti/doctor/doctor.h"
#include "tutti/engines/engines.h"
#include "tutti/notebook/plugin.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// The first line of what a program prints; nothing if it is not there, fails or hangs.
std::optional<std::string> answer_of(const std::vector<std::string>& command) {
  if (!find_program(command[0])) return {};
  const Captured captured = capture(command, "", 10);
  if (!captured.end.ok()) return {};
  return first_line(captured.out);
}

Check check_processor(const fs::path& root) {
  std::ifstream file(root / "proc/cpuinfo");
  std::string model = "unknown", flags;
  for (std::string line; std::getline(file, line) && (model == "unknown" || flags.empty());) {
    if (line.starts_with("model name")) model = line.substr(line.find(':') + 2);
    if (line.starts_with("flags")) flags = line + " ";
  }
  std::string vectors = "no AVX2: the native engine runs with SSE or NEON";
  if (flags.find(" avx2 ") != std::string::npos) vectors = "AVX2";
  if (flags.find(" avx512f ") != std::string::npos) vectors = "AVX-512";
  return {.name = "processor", .detail = fmt::format("{} threads, {}, {}", num_threads(), model, vectors)};
}

std::vector<Check> check_engines() {
  std::vector<Check> checks;
  for (const EngineInfo& info : list_engines()) {
    Check check{.name = "engine " + info.name};
    if (info.available) {
      std::string devices;
      for (const std::string& device : info.devices) devices += (devices.empty() ? "" : ", ") + device;
      check.detail = fmt::format("{} on {}", info.version, devices);
    } else {
      check.state = CheckState::kNote;
      check.detail = "not available";
      check.fix = info.reason;
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

bool has_cuda_engine() {
  for (const EngineInfo& info : list_engines())
    for (const std::string& device : info.devices)
      if (info.available && device.starts_with("cuda")) return true;
  return false;
}

std::vector<Check> check_graphics(const fs::path& root) {
  std::error_code code;
  const bool has_card = fs::exists(root / "proc/driver/nvidia/gpus", code) || fs::exists(root / "dev/nvidia0", code);
  const auto card = answer_of({"nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"});
  if (!has_card && !card)
    return {{.name = "GPU", .state = CheckState::kNote, .detail = "no NVIDIA GPU here: training runs on the processor"}};
  if (!card)
    return {{.name = "GPU",
             .state = CheckState::kBroken,
             .detail = "there is an NVIDIA GPU, but nvidia-smi does not answer",
             .fix = "install the driver (Debian: apt install nvidia-driver firmware-misc-nonfree) and reboot"}};
  std::vector<Check> checks = {{.name = "GPU", .detail = *card}};
  if (has_cuda_engine())
    checks.push_back({.name = "CUDA engine", .detail = "torch runs on it: --device cuda"});
  else
    checks.push_back({.name = "CUDA engine",
                      .state = CheckState::kNote,
                      .detail = "no engine sees the GPU",
                      .fix = "build the torch engine with a CUDA LibTorch: cmake -DTorch_DIR=LIBTORCH/share/cmake/Torch"});
  return checks;
}

std::vector<Check> check_containers(const fs::path& root) {
  for (const char* runtime : {"docker", "podman", "nerdctl"}) {
    const auto version = answer_of({runtime, "--version"});
    if (!version) continue;
    std::vector<Check> checks = {{.name = "containers", .detail = *version}};
    if (std::string(runtime) == "docker" && !answer_of({"docker", "info"}))
      checks.back() = {.name = "containers",
                       .state = CheckState::kNote,
                       .detail = *version + ", but its service does not answer",
                       .fix = "systemctl start docker; and be in its group: usermod -aG docker $USER"};
    std::error_code code;
    if (!fs::exists(root / "dev/nvidia0", code)) return checks;
    if (const auto toolkit = answer_of({"nvidia-ctk", "--version"}))
      checks.push_back({.name = "GPU in containers", .detail = *toolkit});
    else
      checks.push_back({.name = "GPU in containers",
                        .state = CheckState::kNote,
                        .detail = "containers cannot see the GPU: the NVIDIA container toolkit is not here",
                        .fix = "install nvidia-container-toolkit, then: nvidia-ctk runtime configure --runtime=docker"});
    return checks;
  }
  return {{.name = "containers",
           .state = CheckState::kNote,
           .detail = "no docker, podman or nerdctl: needed only to build images for a cluster"}};
}

Check check_store(const fs::path& store) {
  const fs::path probe = store / fmt::format(".doctor-{}", ::getpid());
  std::error_code code;
  const bool was_there = fs::exists(store, code);
  try {
    write_file_atomically(probe, "probe");
  } catch (const Error& error) {
    return {.name = "store",
            .state = CheckState::kBroken,
            .detail = error.what(),
            .fix = "give --store a folder that can be written, or set TUTTI_STORE"};
  }
  fs::remove(probe, code);
  struct statvfs space {};
  const bool known = ::statvfs(store.c_str(), &space) == 0;
  if (!was_there) fs::remove(store, code);
  const double free = known ? static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize) / (1 << 30) : 0;
  Check check{.name = "store", .detail = fmt::format("{} can be written, {:.1f} GiB free", fs::absolute(store).string(), free)};
  if (known && free < 1) {
    check.state = CheckState::kNote;
    check.fix = "free some space: a member of the reference CNN writes about 80 MB";
  }
  return check;
}

Check check_gnuplot() {
  if (const auto version = answer_of({"gnuplot", "--version"})) return {.name = "plots", .detail = *version};
  return {.name = "plots",
          .state = CheckState::kNote,
          .detail = "no gnuplot: curves are drawn in the report, not as PNG",
          .fix = "apt install gnuplot-nox"};
}

Check check_notebook() {
  const LoadedCppPlugin loaded = load_cpp_plugin();
  if (loaded.plugin)
    return {.name = "notebooks", .detail = fmt::format("{}: tutti run, tutti kernel install", loaded.plugin->version())};
  return {.name = "notebooks",
          .state = CheckState::kNote,
          .detail = "no C++ notebooks, and scripts are compiled by this machine's compiler",
          .fix = loaded.reason};
}

Check check_lab() {
  for (const char* program : {"jupyter-lab", "jupyter-notebook"})
    if (const auto version = answer_of({program, "--version"}))
      return {.name = "lab", .detail = fmt::format("{} {}: tutti lab up", program, *version)};
  return {.name = "lab",
          .state = CheckState::kNote,
          .detail = "no JupyterLab: tutti lab up cannot start it here",
          .fix = "pip install jupyterlab; without PyPI see docs/lab.md"};
}

}  // namespace

std::string_view name_of(CheckState state) {
  constexpr std::string_view kNames[] = {"good", "note", "broken"};
  return kNames[static_cast<std::size_t>(state)];
}

Check check_same_store(const fs::path& store, const std::string& file) {
  std::error_code code;
  if (fs::exists(store / file, code))
    return {.name = "shared store", .detail = store.parent_path().string() + " is the same here and there"};
  return {.name = "shared store",
          .state = CheckState::kBroken,
          .detail = store.parent_path().string() + " is another folder here than where you are",
          .fix = "kubernetes.storage must be what holds --store (minikube: start --mount --mount-string=DIR:DIR)"};
}

std::vector<Check> check_machine(const fs::path& store, const fs::path& root) {
  std::vector<Check> checks = {check_processor(root)};
  const auto add = [&](std::vector<Check> more) { std::ranges::move(more, std::back_inserter(checks)); };
  add(check_engines());
  add(check_graphics(root));
  add(check_containers(root));
  checks.push_back(check_store(store));
  checks.push_back(check_gnuplot());
  checks.push_back(check_notebook());
  // A Pod starts no lab.
  if (env("KUBERNETES_SERVICE_HOST").empty()) checks.push_back(check_lab());
  return checks;
}

}  // namespace tutti
