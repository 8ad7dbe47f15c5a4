#include "cli/cluster_arguments.h"

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/log.h"
#include "tutti/data/datasets.h"
#include "tutti/experiment/experiment.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/owner.h"

namespace fs = std::filesystem;

namespace tutti::cli {

void ClusterArguments::add(Command& command) {
  command.option("--context", context, "kubectl's context (default: the spec's, else the current one)");
  command.option("--namespace", name_space, "namespace (default: the spec's, else the context's)");
  command.option("--image", image, "image of the members (default: the spec's, else tutti:VERSION)");
}

Overrides ClusterArguments::overrides() const {
  Overrides overrides;
  if (!context.empty()) overrides.emplace_back("kubernetes.context", context);
  if (!name_space.empty()) overrides.emplace_back("kubernetes.namespace", name_space);
  if (!image.empty()) overrides.emplace_back("kubernetes.image", image);
  return overrides;
}

fs::path store_for_pods(const Spec& spec, const fs::path& store) {
  const fs::path& mount = spec.kubernetes.storage.mount;
  return !mount.empty() && env("TUTTI_STORE").empty() && store == default_store() ? mount / "runs" : store;
}

Spec spec_for_pods(const Spec& spec, fs::path& store, std::string& note, bool fetch) {
  const fs::path mount = spec.kubernetes.storage.mount;
  store = store_for_pods(spec, store);
  Spec result = spec;
  if (!mount.empty() && spec.data.dir.empty() && datasets::is_known(spec.data.name) && spec.data.name != "shapes")
    result = parse_spec(spec.document, spec.file, {{"data.dir", (mount / "data").string()}});
  check_visible(result, store);
  for (const Member& member : plan(result))
    if (member.kind() == MemberKind::kFit && member.spec.kubernetes.resources.find("nvidia.com/gpu") != std::string::npos &&
        !member.spec.fit.device.starts_with("cuda"))
      log_warning("{} asks for a GPU and trains on the processor. Expected device: cuda.", member.name);
  if (!fetch) return result;
  result = prepare_data(result, note);
  check_visible(result, store);
  return result;
}

ManifestOptions manifest_options(const Spec& spec, const fs::path& store, bool must_answer) {
  const auto [user, group] = pod_user(spec.kubernetes, store);
  ManifestOptions options{.server = {1, 99, "of the newest version"}, .owner = user_name(), .user = user, .group = group};
  try {
    options.server = server_version(*make_kubectl(cluster_of(spec)));
  } catch (const Error& error) {
    if (must_answer) throw;
    log_warning("{} The manifests are for the newest Kubernetes.", error.what());
  }
  return options;
}

}  // namespace tutti::cli
