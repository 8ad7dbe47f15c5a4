#include "tutti/kubernetes/schedule.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include <fmt/chrono.h>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/experiment/experiment.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/names.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

bool has_seed_list(const Spec& spec) {
  return std::ranges::any_of(spec.members, [](const Axis& axis) { return axis.key == "seed"; });
}

// Minutes since 1970, from the end of a Job's name.
std::optional<std::int64_t> minutes_of(const std::string& job) {
  const std::string_view end = std::string_view(job).substr(job.rfind('-') + 1);
  std::int64_t number = 0;
  const auto [last, error] = std::from_chars(end.data(), end.data() + end.size(), number);
  constexpr std::int64_t kYear2000 = 15778080, kSecondsOf2000 = kYear2000 * 60;
  if (error != std::errc() || last != end.data() + end.size() || number < kYear2000) return {};
  return number < kSecondsOf2000 ? number : number / 60;
}

}  // namespace

std::string run_name_of_job(const std::string& job) {
  const auto minutes = minutes_of(job);
  if (!minutes) return job;
  return fmt::format("{:%Y%m%d-%H%M%S}", fmt::gmtime(static_cast<std::time_t>(*minutes * 60)));
}

fs::path write_schedule(const Spec& given, const Spec& resolved, const fs::path& store, const KubectlOptions& cluster) {
  const fs::path parent = fs::absolute(store) / given.name / "schedule";
  const fs::path folder = parent / fmt::format("{:%Y%m%d-%H%M%S}-{}", fmt::gmtime(static_cast<std::time_t>(now())), ::getpid());
  std::string open;
  if (!has_seed_list(given) && !given.fit.seed) {
    if (has_seed_list(resolved)) open += "members.seed ";
    if (resolved.fit.seed) open += "fit.seed ";
  }
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) fail("store", "cannot create the folder {}: {}.", folder.string(), code.message());
  write_file_atomically(folder / "seeds", open);
  write_cluster(folder, {.kubectl = cluster, .job = ""});
  write_spec(resolved, folder, "experiment.yaml");
  return folder;
}

RunFolder run_of_firing(const fs::path& folder, const std::string& job) {
  std::error_code code;
  const fs::path file = folder / "experiment.yaml";
  if (!fs::exists(file, code))
    fail("fire", "there is no {} here. Expected the volume of this Pod to be the one that holds the store.", file.string());
  const fs::path experiment = folder.parent_path().parent_path();
  const RunFolder run(experiment / run_name_of_job(job));
  if (fs::exists(run.spec(), code)) return run;

  const std::int64_t seed = minutes_of(job).value_or(stable_hash(job));
  Overrides overrides;
  std::istringstream open(read_file(folder / "seeds", 4096));
  for (std::string path; open >> path;)
    overrides.emplace_back(path, path.starts_with("members.") ? fmt::format("[{}]", seed) : std::to_string(seed));
  // Whole before it has its name: other Pods of this firing look for it now.
  const std::string aside = fmt::format(".{}-{}-{}", run.path().filename().string(), host_name(), ::getpid());
  const RunFolder made = write_run(load_spec(file, overrides), experiment.parent_path(), aside);
  if (auto cluster = cluster_of(folder)) {
    cluster->job = job;
    write_cluster(made.path(), *cluster);
  }
  fs::rename(made.path(), run.path(), code);
  if (!code) return run;
  std::error_code ignored;
  fs::remove_all(made.path(), ignored);
  if (!fs::exists(run.spec(), ignored)) fail("fire", "cannot make {}: {}.", run.path().string(), code.message());
  return run;
}

}  // namespace tutti
