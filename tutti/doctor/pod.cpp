// What can only be known from within a Pod: whether the image is there, and whether it sees the store and the GPU.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/doctor/doctor.h"
#include "tutti/kubernetes/cluster_run.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using Json = nlohmann::json;

// The Pod and the folder that it looks at, gone at the end.
class Probe {
 public:
  Probe(Kubectl& kubectl, const fs::path& store, std::pair<int, int> user)
      : kubectl_(kubectl),
        name_(fmt::format("tutti-doctor-{}-{}", ::getpid(), static_cast<std::int64_t>(now()))),
        folder_(store / ("." + name_)) {
    // As an experiment's folder, which is what Pods write in.
    write_file_atomically(folder_ / kFile, "");
    give_to_pods(folder_, folder_, user);
  }
  ~Probe() {
    kubectl_.run({"delete", "pod", name_, "--ignore-not-found", "--force", "--grace-period=0", "--wait=false"});
    std::error_code code;
    fs::remove_all(folder_, code);
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  const std::string& name() const { return name_; }
  const fs::path& folder() const { return folder_; }
  static constexpr const char* kFile = "probe";

 private:
  Kubectl& kubectl_;
  std::string name_;
  fs::path folder_;
};

constexpr const char* kHopeless[] = {"ErrImageNeverPull", "InvalidImageName", "ImagePullBackOff"};

Check broken(std::string name, std::string detail, std::string fix) {
  return {.name = std::move(name), .state = CheckState::kBroken, .detail = std::move(detail), .fix = std::move(fix)};
}

// What is wrong with a Pod that does not come to run.
Check trouble(const MemberPod& pod, const Spec& spec) {
  const std::string& reason = pod.reason;
  const std::string image = spec.kubernetes.image;
  if (reason.find("Image") != std::string::npos)
    return broken("image", reason,
                  fmt::format("make it with scripts/image --tag {0} and push it, or load it: minikube image load {0}", image));
  if (reason.find("Mount") != std::string::npos || reason.find("claim") != std::string::npos)
    return broken("storage in a Pod", reason, "look at kubernetes.storage: is the folder, the export or the claim there?");
  return broken("a Pod", reason.empty() ? "it did not start" : reason, "kubectl describe nodes says what they have left");
}

std::vector<Check> checks_of(const std::string& text) {
  std::vector<Check> checks;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_array())
    return {broken("a Pod", "it did not print what doctor prints: " + text.substr(0, text.find('\n')),
                   "is the image one of tutti?")};
  for (const Json& item : json) {
    const std::string state = item.value("state", ""), name = item.value("name", "");
    if (name == "containers" || name == "plots") continue;  // of no use in a Pod
    checks.push_back({.name = "Pod: " + name,
                      .state = state == "broken" ? CheckState::kBroken
                               : state == "note" ? CheckState::kNote
                                                 : CheckState::kGood,
                      .detail = item.value("detail", ""),
                      .fix = item.value("fix", "")});
  }
  return checks;
}

}  // namespace

std::vector<Check> check_pod(Kubectl& kubectl, const Spec& spec, const fs::path& store, const ManifestOptions& options,
                             double patience) {
  const Probe probe(kubectl, store, {options.user, options.group});
  const KubectlReply made =
      kubectl.run({"create", "--filename=-"}, probe_manifest(spec, probe.name(), probe.folder(), Probe::kFile, options));
  if (!made.ok()) return {broken("a Pod", made.complaint(), "look at kubernetes: in the spec")};
  MemberPod pod;
  for (const auto begin = std::chrono::steady_clock::now();
       std::chrono::steady_clock::now() - begin < std::chrono::duration<double>(patience);) {
    check_interrupt();
    pod = pod_of_name(kubectl, probe.name());
    if (pod.state == PodState::kDone || pod.state == PodState::kFailed) break;
    // Waiting mends none of these.
    if (std::ranges::any_of(kHopeless, [&](const char* reason) { return pod.reason.starts_with(reason); })) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  if (pod.state != PodState::kDone && pod.state != PodState::kFailed) return {trouble(pod, spec)};
  const KubectlReply log = kubectl.run({"logs", probe.name()});
  // Exit code 1 says that a check is broken, which its list tells better.
  if (!log.ok() || log.out.empty())
    return {broken("a Pod", pod.reason.empty() ? log.complaint() : pod.reason, "is the image one of tutti?")};
  std::vector<Check> checks = {{.name = "image", .detail = spec.kubernetes.image + " runs"}};
  std::ranges::move(checks_of(log.out), std::back_inserter(checks));
  if (spec.kubernetes.resources.find("nvidia.com/gpu") == std::string::npos) return checks;
  for (Check& check : checks)
    if (check.name == "Pod: GPU" && check.state == CheckState::kNote)
      check = broken(
          check.name, "the Pod was given a GPU and does not see it",
          "the node's container runtime needs NVIDIA's: nvidia-ctk runtime configure; or kubernetes.runtimeClassName: nvidia");
  return checks;
}

}  // namespace tutti
