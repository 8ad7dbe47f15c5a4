#include "tutti/lab/cluster_lab.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/kubernetes/cluster_run.h"
#include "tutti/kubernetes/names.h"
#include "tutti/lab/local_lab.h"
#include "tutti/lab/token.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;
using Answer = nlohmann::json;

constexpr const char* kRevision = "deployment.kubernetes.io/revision";

std::string pods_of(const std::string& name) {
  return "--selector=app.kubernetes.io/name=tutti-lab,app.kubernetes.io/instance=" + name;
}

bool is_missing(const KubectlReply& reply) { return reply.err.find("(NotFound)") != std::string::npos; }

[[noreturn]] void fail_missing(const std::string& name) {
  fail("lab", "there is no lab {} in this namespace. Expected tutti lab up --on kubernetes first.", name);
}

// What `kubectl get ... --output=json` says. Error with the server's words.
Answer get(Kubectl& kubectl, const std::string& name, std::vector<std::string> what) {
  what.insert(what.begin(), "get");
  what.push_back("--output=json");
  const KubectlReply reply = kubectl.run(what);
  if (is_missing(reply)) fail_missing(name);
  Answer answer = Answer::parse(reply.out, nullptr, false);
  if (!reply.ok() || !answer.is_object()) fail("lab", "the cluster does not say what {} is: {}", name, reply.complaint());
  return answer;
}

// The text at a path, or "".
std::string text_at(const Answer& answer, const std::string& path) {
  const Answer::json_pointer pointer(path);
  return answer.contains(pointer) && answer.at(pointer).is_string() ? answer.at(pointer).get<std::string>() : "";
}
int number_at(const Answer& answer, const std::string& path) {
  const Answer::json_pointer pointer(path);
  return answer.contains(pointer) && answer.at(pointer).is_number_integer() ? answer.at(pointer).get<int>() : 0;
}
std::string annotation(const Answer& object, const char* key) {
  return object.at("metadata").value("annotations", Answer::object()).value(key, "");
}
int revision_of(const Answer& object) { return std::atoi(annotation(object, kRevision).c_str()); }

constexpr const char* kImage = "/spec/template/spec/containers/0/image";

void check_reply(const KubectlReply& reply, const std::string& name, const char* what) {
  if (is_missing(reply)) fail_missing(name);
  if (!reply.ok()) fail("lab", "{}: {}", what, reply.complaint());
}

// The newest of its Pods, but for those that are ending; nothing if it has none.
std::optional<Answer> newest_pod(Kubectl& kubectl, const std::string& name) {
  const Answer pods = get(kubectl, name, {"pods", pods_of(name)});
  const Answer* newest = nullptr;
  const auto made = [](const Answer& pod) { return text_at(pod, "/metadata/creationTimestamp"); };
  for (const Answer& pod : pods.at("items")) {
    const bool ends = !text_at(pod, "/metadata/deletionTimestamp").empty();
    if (!ends && (!newest || made(pod) >= made(*newest))) newest = &pod;
  }
  return newest ? std::optional(*newest) : std::nullopt;
}

std::string reason_of(Kubectl& kubectl, const Answer& pod) {
  // How its container ended last is the reason while it is started again.
  const std::string crash = text_at(pod, "/status/containerStatuses/0/state/waiting/reason");
  const std::string last = text_at(pod, "/status/containerStatuses/0/lastState/terminated/message");
  if (crash == "CrashLoopBackOff" && !last.empty()) {
    std::string line = last.substr(0, last.find_last_not_of('\n') + 1);
    return "it ended: " + line.substr(line.rfind('\n') + 1);
  }
  try {
    return pod_of_name(kubectl, text_at(pod, "/metadata/name")).reason;
  } catch (const Error&) {
    return "";  // it went since it was listed, as the Pods of earlier revisions do
  }
}

// Why it has no Pod: what the cluster says when it refuses to make one (a quota, an admission rule), or "".
std::string reason_without_pod(Kubectl& kubectl, const std::string& name) {
  const Answer deployment = get(kubectl, name, {"deployment", name});
  const Answer::json_pointer conditions("/status/conditions");
  if (!deployment.contains(conditions)) return "";
  for (const Answer& condition : deployment.at(conditions))
    if (condition.value("type", "") == "ReplicaFailure" && condition.value("status", "") == "True")
      return condition.value("message", "");
  return "";
}

fs::path forward_file(const KubectlOptions& place, const std::string& name) {
  return lab_state_dir() / ("forward-" + object_name({place.context, place.name_space, name}) + ".json");
}

std::optional<LabForward> find_forward(const KubectlOptions& place, const std::string& name) {
  const fs::path file = forward_file(place, name);
  if (!fs::exists(file)) return {};
  const Answer state = Answer::parse(read_file(file), nullptr, false);
  if (!state.is_object()) return {};
  const LabForward forward{{state.value("pid", 0), state.value("start", 0ull)}, state.value("port", 0)};
  return is_running(forward.process) ? std::optional(forward) : std::nullopt;
}

}  // namespace

void apply_lab(Kubectl& kubectl, const LabSpec& spec, const std::string& manifests) {
  const KubectlReply secret = kubectl.run({"get", "secret", spec.name, "--output=name"});
  if (!secret.ok()) {
    if (!is_missing(secret)) fail("lab", "cannot look for the Secret {}: {}", spec.name, secret.complaint());
    // create, not apply: that would write the token into an annotation, too.
    const KubectlReply made =
        kubectl.run({"create", "--filename=-", "--output=name"}, lab_secret_manifest(spec, random_token()), 60);
    check_reply(made, spec.name, "the Secret was refused");
  }
  const KubectlReply applied = kubectl.run({"apply", "--filename=-", "--output=name"}, manifests, 60);
  check_reply(applied, spec.name, "the cluster refused it");
}

void set_lab_image(Kubectl& kubectl, const std::string& name, const std::string& image, const std::string& change_cause) {
  // One change, so that it is one revision, which has its cause from the beginning.
  const Answer container = {{"name", LabSpec::kContainer}, {"image", image}};
  const Answer patch = {{"metadata", {{"annotations", {{LabSpec::kChangeCause, change_cause}}}}},
                        {"spec", {{"template", {{"spec", {{"containers", Answer::array({container})}}}}}}}};
  const KubectlReply reply = kubectl.run({"patch", "deployment", name, "--type=strategic", "--patch=" + patch.dump()}, "", 60);
  check_reply(reply, name, "the new image was refused");
}

void wait_for_lab(Kubectl& kubectl, const std::string& name, double patience,
                  const std::function<void(const std::string&)>& say) {
  std::string said;
  for (const auto begin = Clock::now();;) {
    const KubectlReply reply = kubectl.run({"rollout", "status", "deployment", name, "--timeout=3s"}, "", 20);
    if (reply.ok()) return;
    if (is_missing(reply)) fail_missing(name);
    if (interrupted()) throw Interrupted();
    const auto pod = newest_pod(kubectl, name);
    const std::string reason = pod ? reason_of(kubectl, *pod) : reason_without_pod(kubectl, name);
    if (!reason.empty() && reason != said) say(said = reason);
    if (Clock::now() - begin > std::chrono::duration<double>(patience))
      fail("lab", "{} is not ready after {:.0f} s: {}. It may still become so: tutti lab status --on kubernetes.", name,
           patience, said.empty() ? "nobody says why" : said);
  }
}

std::string lab_token(Kubectl& kubectl, const std::string& name) {
  const KubectlReply reply = kubectl.run({"get", "secret", name, "--output=go-template={{.data.token | base64decode}}"});
  check_reply(reply, name, "cannot read the token");
  if (reply.out.empty()) fail("lab", "the Secret {} has no token. Expected tutti lab down and up.", name);
  return reply.out;
}

LabStatus lab_status(Kubectl& kubectl, const std::string& name) {
  const Answer deployment = get(kubectl, name, {"deployment", name});
  LabStatus status{.image = text_at(deployment, kImage),
                   .change_cause = annotation(deployment, LabSpec::kChangeCause),
                   .revision = revision_of(deployment)};
  status.ready = number_at(deployment, "/status/readyReplicas") > 0 && number_at(deployment, "/status/updatedReplicas") > 0;
  std::string host;
  if (const auto pod = newest_pod(kubectl, name)) {
    status.pod = text_at(*pod, "/metadata/name");
    status.restarts = number_at(*pod, "/status/containerStatuses/0/restartCount");
    host = text_at(*pod, "/status/hostIP");
    if (!status.ready) status.reason = reason_of(kubectl, *pod);
  }
  const Answer service = get(kubectl, name, {"service", name});
  const int port = number_at(service, "/spec/ports/0/nodePort");
  if (port > 0 && !host.empty()) status.address = fmt::format("{}:{}", host, port);
  return status;
}

std::vector<LabRevision> lab_history(Kubectl& kubectl, const std::string& name) {
  const int current = revision_of(get(kubectl, name, {"deployment", name}));
  const Answer sets = get(kubectl, name, {"replicasets", pods_of(name)});
  std::vector<LabRevision> history;
  for (const Answer& set : sets.at("items"))
    history.push_back({.number = revision_of(set),
                       .image = text_at(set, kImage),
                       .change_cause = annotation(set, LabSpec::kChangeCause),
                       .created = text_at(set, "/metadata/creationTimestamp"),
                       .current = revision_of(set) == current});
  std::ranges::sort(history, {}, &LabRevision::number);
  return history;
}

void roll_lab_back(Kubectl& kubectl, const std::string& name, int revision) {
  std::vector<std::string> command = {"rollout", "undo", "deployment", name};
  if (revision > 0) command.push_back(fmt::format("--to-revision={}", revision));
  check_reply(kubectl.run(command, "", 60), name, "cannot roll back");
}

bool remove_lab(Kubectl& kubectl, const std::string& name, bool delete_notebooks) {
  std::string kinds = "deployment,service,networkpolicy,secret";
  if (delete_notebooks) kinds += ",persistentvolumeclaim";
  // By the label: a claim of the user's own, or a Secret of the same name, is not ours to remove.
  const KubectlReply reply = kubectl.run(
      {"delete", kinds, pods_of(name), "--cascade=foreground", "--wait", "--timeout=90s", "--output=name"}, "", 100);
  if (!reply.ok()) fail("lab", "cannot remove {}: {}", name, reply.complaint());
  return !reply.out.empty();
}

LabForward forward_lab(const KubectlOptions& place, const std::string& name, int port) {
  if (const auto running = find_forward(place, name); running && listens(running->port) && (port == 0 || port == running->port))
    return *running;
  stop_forward(place, name);
  if (port != 0 && listens(port)) fail("lab", "port {} is in use. Expected another --port.", port);
  LabForward forward{.process = {}, .port = port != 0 ? port : free_port()};
  std::vector<std::string> command = {"kubectl"};
  if (!place.context.empty()) command.push_back("--context=" + place.context);
  if (!place.name_space.empty()) command.push_back("--namespace=" + place.name_space);
  for (const std::string& word : {std::string("port-forward"), std::string("--address=127.0.0.1"), "service/" + name,
                                  fmt::format("{}:{}", forward.port, LabSpec::kPort)})
    command.push_back(word);
  const fs::path file = forward_file(place, name);
  forward.process =
      start_background({.command = command, .log = fs::path(file).replace_extension("log"), .port = forward.port});
  const Answer state = {{"pid", forward.process.id}, {"start", forward.process.start}, {"port", forward.port}};
  write_file_atomically(file, state.dump() + "\n");
  return forward;
}

void stop_forward(const KubectlOptions& place, const std::string& name) {
  const auto running = find_forward(place, name);
  if (running) stop(running->process, 5);
  std::error_code code;
  fs::remove(forward_file(place, name), code);
}

}  // namespace tutti
