#include "cli/lab_cluster.h"

#include <chrono>
#include <thread>
#include <tuple>

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include "cli/common.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/process.h"
#include "tutti/experiment/experiment.h"
#include "tutti/kubernetes/cluster_run.h"
#include "tutti/kubernetes/manifest.h"
#include "tutti/kubernetes/names.h"
#include "tutti/kubernetes/owner.h"
#include "tutti/lab/lab_image.h"
#include "tutti/report/tables.h"

namespace fs = std::filesystem;

namespace tutti::cli {
namespace {

KubectlOptions place_of(const LabClusterArguments& arguments) { return {arguments.context, arguments.name_space}; }

std::string cause_of(const LabClusterArguments& arguments) {
  // As the article's script has it, unless the user says better.
  if (!arguments.change_cause.empty()) return arguments.change_cause;
  return fmt::format("modified at {:%Y-%m-%d %H:%M:%S %z}", fmt::localtime(std::time(nullptr)));
}

// The volume as a value of `kubernetes.storage`; empty: a claim of the lab's own.
std::string storage_of(const LabClusterArguments& arguments) {
  const auto& spec = arguments.spec;
  if (int(!spec.host_path.empty()) + int(!spec.nfs.empty()) + int(!spec.claim.empty()) > 1)
    fail("lab", "expected one of --host-path, --nfs and --claim. Got several.");
  nlohmann::ordered_json storage;
  if (!spec.host_path.empty()) storage["hostPath"] = spec.host_path;
  if (!spec.claim.empty()) storage["persistentVolumeClaim"] = spec.claim;
  if (!spec.nfs.empty()) {
    const std::size_t colon = spec.nfs.find(':');
    if (colon == std::string::npos) fail("--nfs", "expected SERVER:/FOLDER. Got '{}'.", spec.nfs);
    storage["nfs"] = {{"server", spec.nfs.substr(0, colon)}, {"path", spec.nfs.substr(colon + 1)}};
  }
  return storage.is_null() ? "" : storage.dump();
}

std::string resources_of(const LabClusterArguments& arguments) {
  nlohmann::ordered_json limits;
  if (!arguments.spec.cpu.empty()) limits["cpu"] = arguments.spec.cpu;
  if (!arguments.spec.memory.empty()) limits["memory"] = arguments.spec.memory;
  if (arguments.spec.gpu > 0) limits["nvidia.com/gpu"] = arguments.spec.gpu;
  return limits.is_null() ? "" : nlohmann::ordered_json({{"limits", limits}}).dump();
}

// What the flags say, checked as an experiment's `kubernetes` section is.
LabSpec spec_of(const LabClusterArguments& arguments, int cull_idle) {
  Overrides overrides;
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) overrides.emplace_back(std::string("kubernetes.") + key, value);
  };
  const auto& given = arguments.spec;
  add("image", given.image);
  add("imagePullPolicy", given.pull_policy);
  add("storage", storage_of(arguments));
  add("resources", resources_of(arguments));
  add("runtimeClassName", given.runtime_class);
  for (const std::string& pair : given.set) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos) fail("--set", "expected KEY=VALUE, such as nodeSelector={{gpu: true}}. Got '{}'.", pair);
    overrides.emplace_back("kubernetes." + pair.substr(0, equals), pair.substr(equals + 1));
  }
  const Spec parsed = parse_spec("model: m\ndata: shapes\n", "lab", overrides);
  if (arguments.name != object_name({arguments.name}))
    fail("--name", "expected lower case letters, digits and '-'. Got '{}'.", arguments.name);
  LabSpec spec{.name = arguments.name,
               .kubernetes = parsed.kubernetes,
               .claim_size = given.size,
               .storage_class = given.storage_class,
               .node_port = given.node_port >= 0,
               .node_port_number = given.node_port,
               .cull_idle = cull_idle,
               .change_cause = cause_of(arguments),
               .owner = user_name()};
  if (given.node_port > 0 && (given.node_port < 30000 || given.node_port > 32767))
    fail("--node-port", "expected 30000 to 32767, or 0 for one that the cluster chooses. Got {}.", given.node_port);
  // A folder of the node that is also one of this machine is its owner's, who must be able to write into it.
  const fs::path folder =
      parsed.kubernetes.storage.kind == "hostPath" ? fs::path(parsed.kubernetes.storage.source) : fs::path();
  std::tie(spec.user, spec.group) = pod_user(parsed.kubernetes, folder);
  return spec;
}

// What to open; through a port of the nodes, else through one of this machine.
std::string address_of(Kubectl& kubectl, const LabClusterArguments& arguments, int port) {
  const LabStatus status = lab_status(kubectl, arguments.name);
  std::string address = status.address;
  if (address.empty() && arguments.no_forward) return "";
  if (address.empty())
    address = fmt::format("127.0.0.1:{}", forward_lab(resolved(kubectl, place_of(arguments)), arguments.name, port).port);
  return fmt::format("http://{}/lab?token={}", address, lab_token(kubectl, arguments.name));
}

void print_address(Kubectl& kubectl, const LabClusterArguments& arguments, int port) {
  const std::string url = address_of(kubectl, arguments, port);
  if (url.empty())
    print(fmt::format("It has no port of the nodes: kubectl port-forward service/{} {}\n", arguments.name, LabSpec::kPort));
  else
    print(fmt::format("\n    {}\n\nIts token opens it: keep it to yourself.\n", url));
}

void wait_for(Kubectl& kubectl, const LabClusterArguments& arguments) {
  wait_for_lab(kubectl, arguments.name, arguments.wait,
               [](const std::string& reason) { print(fmt::format("waiting: {}\n", reason)); });
}

}  // namespace

void LabClusterArguments::add(Command& command) {
  command.option("--name", name, "of the lab's objects in the cluster").show_default();
  command.option("--context", context, "kubectl's context (default: the current one)");
  command.option("--namespace", name_space, "namespace (default: the context's)");
}

void LabClusterArguments::add_spec(Command& command) {
  command.option("--image", spec.image, "what tutti lab build printed");
  command.option("--image-pull-policy", spec.pull_policy, "Always, IfNotPresent or Never (default: Kubernetes')");
  command.option("--host-path", spec.host_path, "notebooks in this folder of the node");
  command.option("--nfs", spec.nfs, "notebooks in SERVER:/FOLDER");
  command.option("--claim", spec.claim, "notebooks in this claim (default: one of its own)");
  command.option("--size", spec.size, "of its own claim").show_default();
  command.option("--storage-class", spec.storage_class, "of its own claim (default: the cluster's)");
  command.option("--cpu", spec.cpu, "limit: 4, 500m");
  command.option("--memory", spec.memory, "limit: 8Gi");
  command.option("--gpu", spec.gpu, "nvidia.com/gpu").not_negative();
  command.option("--runtime-class", spec.runtime_class, "of the Pod: nvidia");
  command.option("--node-port", spec.node_port, "open it to the nodes' network on this port; 0: one that the cluster chooses")
      .not_negative();
  command.option("--set", spec.set, "KEY=VALUE of a spec's kubernetes section: nodeSelector={gpu: true}").repeated();
  command.option("--change-cause", change_cause, "what is told in the history (default: the time)");
  command.option("--manifests", manifests, "a file that is applied; written from the options if it is not there");
  command.option("--wait", wait, "seconds until it must answer").positive().show_default();
  command.flag("--no-forward", no_forward, "without --node-port: do not forward a port of this machine");
  command.flag("--dry-run", dry_run, "print the manifests, make nothing");
}

void LabClusterArguments::add_update(Command& command) {
  command.option("--image", spec.image, "an image that is there: build none");
  command.option("--change-cause", change_cause, "what is told in the history (default: the time)");
  command.option("--manifests", manifests, "a file of lab up: it gets the image and the cause, and is applied");
  command.option("--wait", wait, "seconds until it must answer").positive().show_default();
  command.flag("--no-commit", no_commit, "leave the Dockerfile and the manifests uncommitted");
}

void lab_cluster_up(LabClusterArguments& arguments, int port, int cull_idle) {
  const bool have_file = !arguments.manifests.empty() && fs::exists(arguments.manifests);
  if (!have_file && arguments.spec.image.empty())
    fail("lab", "--image is missing. Expected what tutti lab build prints, where the cluster finds it.");
  const LabSpec spec = spec_of(arguments, cull_idle);
  std::string manifests = have_file ? read_file(arguments.manifests) : lab_manifests(spec);
  if (have_file && !arguments.spec.image.empty()) manifests = with_image(manifests, arguments.spec.image, spec.change_cause);
  if (arguments.dry_run) return print(manifests);
  const auto kubectl = make_kubectl(place_of(arguments));
  apply_lab(*kubectl, spec, manifests);
  if (!arguments.manifests.empty()) write_file_atomically(arguments.manifests, manifests);
  wait_for(*kubectl, arguments);
  print(fmt::format("{} is ready on Kubernetes\n", arguments.name));
  print_address(*kubectl, arguments, port);
}

void lab_cluster_down(const LabClusterArguments& arguments) {
  const auto kubectl = make_kubectl(place_of(arguments));
  stop_forward(resolved(*kubectl, place_of(arguments)), arguments.name);
  const bool removed = remove_lab(*kubectl, arguments.name, arguments.delete_notebooks);
  if (!removed) return print(fmt::format("there is no lab {}\n", arguments.name));
  print(fmt::format("removed {}; {}\n", arguments.name,
                    arguments.delete_notebooks ? "and its claim with the notebooks" : "the notebooks stay"));
}

void lab_cluster_status(const LabClusterArguments& arguments) {
  const auto kubectl = make_kubectl(place_of(arguments));
  const LabStatus status = lab_status(*kubectl, arguments.name);
  print(fmt::format("{}: {}{}\n", arguments.name, status.ready ? "ready" : "not ready",
                    status.reason.empty() ? "" : ": " + status.reason));
  print(fmt::format("  revision  {}  {}\n  image     {}\n  Pod       {}{}\n", status.revision, status.change_cause,
                    status.image, status.pod.empty() ? "none" : status.pod,
                    status.restarts > 0 ? fmt::format(", started again {} times", status.restarts) : ""));
  if (status.ready) print_address(*kubectl, arguments, 0);
}

void lab_cluster_logs(const LabClusterArguments& arguments, int lines, bool follow) {
  std::vector<std::string> command = {"kubectl"};
  if (!arguments.context.empty()) command.push_back("--context=" + arguments.context);
  if (!arguments.name_space.empty()) command.push_back("--namespace=" + arguments.name_space);
  for (const std::string& word : {std::string("logs"), "deployment/" + arguments.name, fmt::format("--tail={}", lines)})
    command.push_back(word);
  if (follow) command.push_back("--follow");
  make_kubectl(place_of(arguments));  // says how to get it, if there is none
  run_until_interrupted(command);
}

void lab_cluster_update(const LabClusterArguments& arguments, const std::string& image, std::vector<fs::path> files) {
  const auto kubectl = make_kubectl(place_of(arguments));
  const std::string cause = cause_of(arguments);
  if (arguments.manifests.empty()) {
    set_lab_image(*kubectl, arguments.name, image, cause);
  } else {
    const std::string manifests = with_image(read_file(arguments.manifests), image, cause);
    apply_lab(*kubectl, {.name = arguments.name, .owner = user_name()}, manifests);
    write_file_atomically(arguments.manifests, manifests);
    files.push_back(arguments.manifests);
  }
  wait_for(*kubectl, arguments);
  print(fmt::format("{} runs {}: {}\n", arguments.name, image, cause));
  if (!arguments.no_commit && commit_files(files, fmt::format("Update the lab {}: {}", arguments.name, cause)))
    print("committed its files\n");
  print_address(*kubectl, arguments, 0);
}

void lab_cluster_history(const LabClusterArguments& arguments) {
  const auto kubectl = make_kubectl(place_of(arguments));
  Table table({"revision", "image", "change-cause", "made", ""});
  for (const LabRevision& one : lab_history(*kubectl, arguments.name))
    table.add({std::to_string(one.number), one.image, one.change_cause, one.created, one.current ? "now" : ""});
  print(table.text());
}

void lab_cluster_rollback(const LabClusterArguments& arguments) {
  const auto kubectl = make_kubectl(place_of(arguments));
  roll_lab_back(*kubectl, arguments.name, arguments.revision);
  wait_for(*kubectl, arguments);
  const LabStatus status = lab_status(*kubectl, arguments.name);
  print(fmt::format("{} is back at {}: {}\n", arguments.name, status.image, status.change_cause));
  print_address(*kubectl, arguments, 0);
}

void run_until_interrupted(const std::vector<std::string>& command) {
  Process process({.command = command});
  while (!process.poll()) {
    if (interrupted()) throw Interrupted();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  if (!process.wait().ok()) fail(fs::path(command[0]).filename().string(), "it ended with {}.", process.wait().text());
}

}  // namespace tutti::cli
