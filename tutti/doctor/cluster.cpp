#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/doctor/doctor.h"

namespace tutti {
namespace {

using Json = nlohmann::json;

Check check_version(const ServerVersion& version) {
  std::vector<std::string> missing;
  for (const ServerFeature& feature : kServerFeatures)
    if (!version.has(feature)) missing.push_back(fmt::format("{} ({}.{})", feature.name, feature.major, feature.minor));
  if (missing.empty()) return {.name = "cluster", .detail = "Kubernetes " + version.text};
  return {.name = "cluster",
          .state = CheckState::kNote,
          .detail = fmt::format("Kubernetes {} lacks {}", version.text, fmt::join(missing, ", ")),
          .fix = "upgrade the cluster to have them"};
}

bool is_ready(const Json& node) {
  for (const Json& condition : node.at("status").value("conditions", Json::array()))
    if (condition.value("type", "") == "Ready") return condition.value("status", "") == "True";
  return false;
}

std::vector<Check> check_nodes(Kubectl& kubectl) {
  const KubectlReply reply = kubectl.run({"get", "nodes", "--output=json"});
  const Json json = Json::parse(reply.out, nullptr, false);
  if (!reply.ok() || !json.is_object())
    return {{.name = "nodes",
             .state = CheckState::kNote,
             .detail = "not to be seen: " + reply.complaint(),
             .fix = "ask for the right to list nodes; jobs run without it"}};
  std::size_t ready = 0;
  std::vector<std::string> cordoned, cards;
  const Json nodes = json.value("items", Json::array());
  for (const Json& node : nodes) {
    const std::string name = node.at("metadata").value("name", "");
    ready += is_ready(node) ? 1 : 0;
    if (node.contains("spec") && node.at("spec").value("unschedulable", false)) cordoned.push_back(name);
    const Json allocatable = node.at("status").value("allocatable", Json::object());
    if (const std::string count = allocatable.value("nvidia.com/gpu", "0"); count != "0")
      cards.push_back(count + " on " + name);
  }
  std::vector<Check> checks;
  checks.push_back({.name = "nodes", .detail = fmt::format("{} of {} ready", ready, nodes.size())});
  if (ready == 0) {
    checks.back().state = CheckState::kBroken;
    checks.back().fix = "kubectl describe nodes says why";
  } else if (!cordoned.empty()) {
    checks.back().state = CheckState::kNote;
    checks.back().detail += fmt::format("; no Pod is placed on {}", fmt::join(cordoned, ", "));
    checks.back().fix = fmt::format("kubectl uncordon {}", fmt::join(cordoned, " "));
  }
  if (cards.empty())
    checks.push_back({.name = "GPUs of the nodes",
                      .state = CheckState::kNote,
                      .detail = "no node offers nvidia.com/gpu: members run on processors",
                      .fix = "where there are GPUs: driver and container toolkit on the node, then NVIDIA's device plugin "
                             "(minikube: start --gpus all)"});
  else
    checks.push_back({.name = "GPUs of the nodes", .detail = fmt::format("nvidia.com/gpu: {}", fmt::join(cards, ", "))});
  return checks;
}

Check check_storage(Kubectl& kubectl) {
  const KubectlReply reply = kubectl.run({"get", "storageclasses", "--output=json"});
  const Json json = Json::parse(reply.out, nullptr, false);
  if (!reply.ok() || !json.is_object())
    return {.name = "storage classes", .state = CheckState::kNote, .detail = "not to be seen: " + reply.complaint()};
  std::vector<std::string> names;
  for (const Json& storage : json.value("items", Json::array())) {
    const Json annotations = storage.at("metadata").value("annotations", Json::object());
    const bool is_default = annotations.value("storageclass.kubernetes.io/is-default-class", "") == "true";
    names.push_back(storage.at("metadata").value("name", "") + (is_default ? " (default)" : ""));
  }
  if (!names.empty()) return {.name = "storage classes", .detail = fmt::format("{}", fmt::join(names, ", "))};
  return {.name = "storage classes",
          .state = CheckState::kNote,
          .detail = "none: a volume claim needs a volume that somebody made",
          .fix = "use NFS or a hostPath, or install a provisioner (minikube: minikube addons enable storage-provisioner)"};
}

std::vector<std::string> missing_rights(Kubectl& kubectl, const std::vector<std::pair<const char*, const char*>>& wanted) {
  std::vector<std::string> missing;
  for (const auto& [verb, resource] : wanted)
    if (!kubectl.run({"auth", "can-i", verb, resource, "--quiet"}).ok())
      missing.push_back(fmt::format("{} {}", verb, resource));
  return missing;
}

Check check_lab_rights(Kubectl& kubectl) {
  const std::vector<std::string> missing = missing_rights(kubectl, {{"create", "deployments.apps"},
                                                                    {"patch", "deployments.apps"},
                                                                    {"list", "replicasets.apps"},
                                                                    {"create", "services"},
                                                                    {"create", "secrets"},
                                                                    {"get", "secrets"},
                                                                    {"create", "persistentvolumeclaims"},
                                                                    {"create", "networkpolicies.networking.k8s.io"},
                                                                    {"create", "pods/portforward"}});
  if (missing.empty()) return {.name = "lab", .detail = "you may make what tutti lab up --on kubernetes makes"};
  return {.name = "lab",
          .state = CheckState::kNote,
          .detail = fmt::format("you may not {}: no tutti lab up --on kubernetes", fmt::join(missing, ", ")),
          .fix = "ask for the role edit in your namespace: kubectl create rolebinding NAME --clusterrole=edit --user=YOU"};
}

Check check_rights(Kubectl& kubectl) {
  const std::vector<std::string> missing = missing_rights(kubectl, {{"create", "jobs.batch"},
                                                                    {"list", "jobs.batch"},
                                                                    {"delete", "jobs.batch"},
                                                                    {"get", "cronjobs.batch"},
                                                                    {"create", "cronjobs.batch"},
                                                                    {"patch", "cronjobs.batch"},
                                                                    {"delete", "cronjobs.batch"},
                                                                    {"list", "pods"},
                                                                    {"create", "pods"},
                                                                    {"delete", "pods"},
                                                                    {"get", "pods/log"},
                                                                    {"list", "events"}});
  if (missing.empty()) return {.name = "permissions", .detail = "jobs, cron jobs, pods, their logs and events"};
  return {.name = "permissions",
          .state = CheckState::kBroken,
          .detail = fmt::format("you may not {}", fmt::join(missing, ", ")),
          .fix = "ask for a role with these in your namespace: kubectl create rolebinding NAME --clusterrole=edit --user=YOU"};
}

}  // namespace

std::vector<Check> check_cluster(Kubectl& kubectl) {
  std::vector<Check> checks;
  try {
    checks.push_back(check_version(server_version(kubectl)));
  } catch (const Error& error) {
    return {{.name = "cluster",
             .state = CheckState::kBroken,
             .detail = error.what(),
             .fix = "kubectl config get-contexts lists the clusters; minikube start makes one on this machine"}};
  }
  std::ranges::move(check_nodes(kubectl), std::back_inserter(checks));
  checks.push_back(check_storage(kubectl));
  checks.push_back(check_rights(kubectl));
  checks.push_back(check_lab_rights(kubectl));
  return checks;
}

}  // namespace tutti
