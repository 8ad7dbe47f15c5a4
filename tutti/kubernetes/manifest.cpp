#include "tutti/kubernetes/manifest.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <tuple>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/data/datasets.h"
#include "tutti/experiment/yaml_text.h"
#include "tutti/kubernetes/names.h"
#include "tutti/nn/json.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

constexpr int kNonRoot = 65532;
// "-123": what an Indexed Job appends to its name for each Pod.
constexpr std::size_t kIndexLetters = 5;

struct Environment {
  Json list = Json::array();
  void add(const std::string& name, const std::string& value) { list.push_back({{"name", name}, {"value", value}}); }
};

Json volume_of(const KubernetesStorage& storage) {
  Json volume = {{"name", "store"}};
  // A folder that is not there is a mistake: a Pod that made one would train into nowhere.
  if (storage.kind == "hostPath") volume["hostPath"] = {{"path", storage.source}, {"type", "Directory"}};
  if (storage.kind == "nfs") volume["nfs"] = {{"server", storage.server}, {"path", storage.source}};
  if (storage.kind == "persistentVolumeClaim") volume["persistentVolumeClaim"] = {{"claimName", storage.source}};
  return volume;
}

Json pod_security(const KubernetesSpec& spec, const ManifestOptions& options) {
  Json security = {{"runAsNonRoot", true},
                   {"runAsUser", options.user},
                   {"runAsGroup", options.group},
                   {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  if (spec.storage.kind == "persistentVolumeClaim") {
    security["fsGroup"] = options.group;
    security["fsGroupChangePolicy"] = "OnRootMismatch";
  }
  return security;
}

// A Pod's spec: the restricted profile of the Pod security standards, but for volumes: it knows no hostPath and no nfs.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
Json pod_of(const KubernetesSpec& spec, const Json& command, const Environment& environment, const ManifestOptions& options) {
  Json container = {{"name", "member"}, {"image", spec.image}};
  if (!spec.image_pull_policy.empty()) container["imagePullPolicy"] = spec.image_pull_policy;
  container["command"] = command;
  container["env"] = environment.list;
  if (!spec.resources.empty()) container["resources"] = Json::parse(spec.resources);
  container["securityContext"] = {
      {"allowPrivilegeEscalation", false}, {"readOnlyRootFilesystem", true}, {"capabilities", {{"drop", {"ALL"}}}}};
  // kubectl describe then shows a member's last words.
  container["terminationMessagePolicy"] = "FallbackToLogsOnError";
  container["volumeMounts"] = {{{"name", "store"}, {"mountPath", spec.storage.mount.string()}},
                               {{"name", "tmp"}, {"mountPath", "/tmp"}}};
  Json pod = {{"restartPolicy", "Never"}, {"automountServiceAccountToken", false}, {"enableServiceLinks", false}};
  if (!spec.runtime_class.empty()) pod["runtimeClassName"] = spec.runtime_class;
  if (!spec.priority_class.empty()) pod["priorityClassName"] = spec.priority_class;
  if (!spec.node_selector.empty()) pod["nodeSelector"] = Json::parse(spec.node_selector);
  if (!spec.tolerations.empty()) pod["tolerations"] = Json::parse(spec.tolerations);
  for (const std::string& secret : spec.image_pull_secrets) pod["imagePullSecrets"].push_back({{"name", secret}});
  pod["securityContext"] = pod_security(spec, options);
  pod["containers"] = Json::array({container});
  pod["volumes"] = Json::array({volume_of(spec.storage), {{"name", "tmp"}, {"emptyDir", Json::object()}}});
  return pod;
}

Environment environment_of(const Spec& spec) {
  Environment environment;
  environment.add("HOME", "/tmp");
  environment.add("TUTTI_ATTEMPTS", std::to_string(attempts_of(spec)));
  if (spec.run.threads > 0) environment.add("TUTTI_NUM_THREADS", std::to_string(spec.run.threads));
  return environment;
}

// Of Pods that have one template for all members.
Environment shared_environment_of(const Spec& spec) {
  Environment environment = environment_of(spec);
  if (!spec.fit.device.empty()) environment.add("TUTTI_DEVICE", spec.fit.device);
  return environment;
}

// What tells the members' Pods apart, as in the article: kubectl describe shows who is who.
Environment environment_of(const Member& member) {
  Environment environment = environment_of(member.spec);
  const bool program = member.kind() == MemberKind::kProgram;
  const bool has_engine = std::ranges::any_of(member.values, [](const auto& value) { return value.first == "engine"; });
  if (!program || has_engine) environment.add("TUTTI_ENGINE", member.engine);
  if (!member.spec.fit.device.empty()) environment.add("TUTTI_DEVICE", member.spec.fit.device);
  if (program) {
    const auto& own = member.spec.program.environment;
    const auto backend = std::ranges::find(own, "KERAS_BACKEND", [](const auto& pair) { return pair.first; });
    if (backend != own.end())
      environment.add("KERAS_BACKEND", backend->second);
    else if (has_engine && is_keras_backend(member.engine))
      environment.add("KERAS_BACKEND", member.engine);
  }
  return environment;
}

Json labels_of(const Spec& spec, const ManifestOptions& options) {
  Json labels = {{"app.kubernetes.io/name", "tutti"},
                 {"app.kubernetes.io/managed-by", "tutti"},
                 {kExperimentLabel, label_value(spec.name)}};
  if (!options.owner.empty()) labels[kOwnerLabel] = label_value(options.owner);
  return labels;
}

// Failures that no other Pod mends end the job (or index); a Pod that was asked to go, or whose node went, does not count.
Json failure_policy(const char* end) {
  return {
      {"rules",
       {{{"action", end},
         {"onExitCodes", {{"containerName", "member"}, {"operator", "In"}, {"values", {2, kPodFailedForGood, kPodCancelled}}}}},
        {{"action", "Ignore"},
         {"onExitCodes", {{"containerName", "member"}, {"operator", "In"}, {"values", {kPodInterrupted}}}}},
        {{"action", "Ignore"}, {"onPodConditions", {{{"type", "DisruptionTarget"}, {"status", "True"}}}}}}}};
}

Json job_spec(const Spec& spec, const Json& labels, Json pod, const ManifestOptions& options, int completions,
              bool many_in_a_pod = false) {
  const bool has_policy = options.server.has(kFailurePolicies);
  // One Pod more than attempts: when all of a container was killed, so that it could not say anything, the next one closes the
  // books.
  const int retries = attempts_of(spec) - 1 + (has_policy ? 1 : 0);
  Json job = Json::object();
  if (completions > 0) {
    const int parallel = spec.run.parallel > 0 ? std::min(spec.run.parallel, completions) : completions;
    job["completionMode"] = "Indexed";
    job["completions"] = completions;
    job["parallelism"] = parallel;
    job["backoffLimitPerIndex"] = retries;
  } else {
    job["backoffLimit"] = retries;
  }
  if (has_policy) job["podFailurePolicy"] = failure_policy(completions > 0 ? "FailIndex" : "FailJob");
  // It is the whole Job's: not for one whose members begin one after another.
  const bool one_by_one = completions > 0 && spec.run.parallel > 0 && spec.run.parallel < completions;
  if (spec.run.deadline > 0 && !one_by_one && !many_in_a_pod) {
    // The member ends itself at its deadline, and says so; this is for one that cannot, or never began.
    constexpr int kSlack = 60;
    job["activeDeadlineSeconds"] = static_cast<std::int64_t>(spec.run.deadline) + kSlack;
  }
  job["ttlSecondsAfterFinished"] = spec.kubernetes.seconds_after_end;
  if (spec.kubernetes.suspend || !spec.kubernetes.queue.empty()) job["suspend"] = true;
  job["template"] = {{"metadata", {{"labels", labels}}}, {"spec", std::move(pod)}};
  return job;
}

// Only the Job's, not those of its Pods.
Json job_labels(const Spec& spec, Json labels) {
  if (!spec.kubernetes.queue.empty()) labels["kueue.x-k8s.io/queue-name"] = spec.kubernetes.queue;
  return labels;
}

Json job_object(const std::string& name, const Spec& spec, const Json& labels, Json job) {
  return {{"apiVersion", "batch/v1"},
          {"kind", "Job"},
          {"metadata", {{"name", name}, {"labels", job_labels(spec, labels)}}},
          {"spec", std::move(job)}};
}

// An old server takes these fields and forgets them.
void need(const ServerVersion& server, const ServerFeature& feature, const char* what, const char* instead) {
  if (!server.has(feature))
    fail("kubernetes", "this cluster's Kubernetes {} has no {} ({}.{}): it would drop them silently. Expected {}.", server.text,
         what, feature.major, feature.minor, instead);
}

void check_server(const Spec& spec, const ServerVersion& server) {
  if (!spec.kubernetes.queue.empty())
    need(server, kSuspendedJobs, "suspended Jobs, which Kueue's queues need", "no kubernetes.queue, or a newer cluster");
  if (spec.kubernetes.suspend) need(server, kSuspendedJobs, kSuspendedJobs.name, "no kubernetes.suspend, or a newer cluster");
  if (spec.kubernetes.layout == "indexed")
    need(server, kIndexRetries, "Indexed Jobs with retries of each index", "kubernetes.layout: jobs");
}

// Members that share a Pod, or an Indexed Job and its template.
void check_alike(const Spec& spec, const std::vector<Member>& plan, const char* instead) {
  for (const Member& member : plan)
    if (member.spec.kubernetes != plan.front().spec.kubernetes)
      fail(spec.file.string(), "{} has another kubernetes section than {}. Expected {}.", member.name, plan.front().name,
           instead);
}

std::string join(const std::vector<Json>& documents) {
  std::string text;
  for (const Json& document : documents) text += (text.empty() ? "" : "---\n") + yaml_text(document);
  return text;
}

// True if `path` is `folder` or in it.
bool is_within(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_normal().lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

int attempts_of(const Spec& spec) {
  constexpr int kDefaultRetries = 3;  // Pods also die of what is no member's fault
  if (spec.kubernetes.backoff_limit >= 0) return spec.kubernetes.backoff_limit + 1;
  return (spec.run.retries > 0 ? spec.run.retries : kDefaultRetries) + 1;
}

std::string job_manifests(const Spec& spec, const RunFolder& run, const std::vector<Member>& plan,
                          const std::vector<std::string>& wanted, const ManifestOptions& options) {
  check_server(spec, options.server);
  const std::string name = run.path().filename().string();
  Json labels = labels_of(spec, options);
  labels[kRunLabel] = label_value(name);
  if (!options.run_id.empty()) labels[kIdLabel] = options.run_id;
  if (spec.kubernetes.layout == "indexed") {
    check_alike(spec, plan, "kubernetes.layout: jobs");
    const Json pod =
        pod_of(spec.kubernetes, {"tutti", "pod", run.path().string(), "--index"}, shared_environment_of(spec), options);
    return join({job_object(object_name({spec.name, name}, 63 - kIndexLetters), spec, labels,
                            job_spec(spec, labels, pod, options, static_cast<int>(plan.size())))});
  }
  std::vector<Json> jobs;
  for (const Member& member : plan) {
    if (std::ranges::find(wanted, member.name) == wanted.end()) continue;
    labels[kMemberLabel] = label_value(member.name);
    const Json pod =
        pod_of(member.spec.kubernetes, {"tutti", "pod", run.path().string(), member.name}, environment_of(member), options);
    jobs.push_back(job_object(object_name({spec.name, name, member.name}), member.spec, labels,
                              job_spec(member.spec, labels, pod, options, 0)));
  }
  return join(jobs);
}

std::string cron_name(const Spec& spec) {
  // The controller appends a time to it, for the names of Jobs.
  return object_name({spec.name}, 52 - kIndexLetters);
}

std::string cron_manifest(const Spec& spec, const fs::path& folder, const std::vector<Member>& plan, const CronOptions& cron,
                          const ManifestOptions& options) {
  check_server(spec, options.server);
  if (!cron.time_zone.empty())
    need(options.server, kTimeZones, kTimeZones.name,
         "no --time-zone; the times are those of the cluster's controller, mostly UTC");
  const bool indexed = spec.kubernetes.layout != "jobs" && options.server.has(kIndexRetries);
  check_alike(spec, plan, "a schedule whose members have all the same");
  Environment environment = shared_environment_of(spec);
  // The Job's name tells the time of the firing, and so the run.
  environment.list.push_back(
      {{"name", "TUTTI_JOB"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.labels['job-name']"}}}}}});
  Json command = {"tutti", "fire", folder.string()};
  if (indexed) command.push_back("--index");
  const Json labels = labels_of(spec, options);
  const Json pod = pod_of(spec.kubernetes, command, environment, options);
  Json job = job_spec(spec, labels, pod, options, indexed ? static_cast<int>(plan.size()) : 0, !indexed);
  Json body = {{"schedule", cron.schedule}};
  if (!cron.time_zone.empty()) body["timeZone"] = cron.time_zone;
  body["concurrencyPolicy"] = cron.concurrency;
  if (cron.starting_deadline > 0) body["startingDeadlineSeconds"] = cron.starting_deadline;
  body["successfulJobsHistoryLimit"] = cron.successful_history;
  body["failedJobsHistoryLimit"] = cron.failed_history;
  body["suspend"] = cron.suspend;
  body["jobTemplate"] = {{"metadata", {{"labels", job_labels(spec, labels)}}}, {"spec", std::move(job)}};
  return yaml_text({{"apiVersion", cron.v1beta1 ? "batch/v1beta1" : "batch/v1"},
                    {"kind", "CronJob"},
                    {"metadata", {{"name", cron_name(spec)}, {"labels", labels}}},
                    {"spec", std::move(body)}});
}

std::string probe_manifest(const Spec& spec, const std::string& name, const fs::path& store, const std::string& expect,
                           const ManifestOptions& options) {
  Environment environment;
  environment.add("HOME", "/tmp");
  Json pod = pod_of(spec.kubernetes, {"tutti", "doctor", "--json", "--store", store.string(), "--expect", expect}, environment,
                    options);
  pod["activeDeadlineSeconds"] = 180;  // whoever asked may be gone
  return yaml_text({{"apiVersion", "v1"},
                    {"kind", "Pod"},
                    {"metadata", {{"name", name}, {"labels", labels_of(spec, options)}}},
                    {"spec", pod}});
}

void check_visible(const Spec& spec, const fs::path& store) {
  const KubernetesStorage& storage = spec.kubernetes.storage;
  const std::string file = spec.file.string();
  if (storage.kind.empty())
    fail(file,
         "kubernetes.storage is missing. Expected a volume that this machine and the Pods share: {{hostPath: /srv/tutti}}, "
         "{{nfs: {{server: NAME, path: /export}}}} or {{persistentVolumeClaim: NAME}}.");
  const std::string mount = storage.mount.string();
  if (!is_within(fs::absolute(store), storage.mount))
    fail("kubernetes", "the store {} is not in {}, where the Pods have the volume. Expected --store {}/runs.",
         fs::absolute(store).string(), mount, mount);
  const auto check = [&](const fs::path& path, const char* what) {
    if (!path.empty() && path.is_absolute() && !is_within(path, storage.mount))
      fail(file, "{} {} is not in {}, so the Pods do not see it. Expected it there.", what, path.string(), mount);
  };
  check(spec.data.dir, "the data's folder");
  // A run is in one place: rows may differ in what their Pods are, not in where.
  const auto place = [](const KubernetesSpec& one) {
    return std::tie(one.context, one.name_space, one.layout, one.storage.kind, one.storage.server, one.storage.source,
                    one.storage.mount, one.user, one.group);
  };
  for (const Member& member : plan(spec))
    if (place(member.spec.kubernetes) != place(spec.kubernetes))
      fail(file, "{} has its own kubernetes.context, namespace, layout, storage or runAs. Expected the same for all members.",
           member.name);
  // A word that is a file beside the spec has become a path of this machine; other paths are the image's.
  const fs::path folder = fs::absolute(spec.file).parent_path();
  for (const Member& member : plan(spec))
    for (const std::string& word : member.spec.program.command)
      if (is_within(word, folder)) check(word, "the program's file");
  if (!datasets::is_known(spec.data.name)) return check(spec.data.name, "the data");
  datasets::Options options;
  options.dir = spec.data.dir;
  const auto found = datasets::find(spec.data.name, options);
  if (found && !is_within(*found, storage.mount))
    fail(file, "{} lies in {}, which the Pods do not see. Expected it in {}: cp -r {} {}/", spec.data.name, found->string(),
         spec.data.dir.string(), found->string(), spec.data.dir.string());
}

std::pair<int, int> pod_user(const KubernetesSpec& spec, const fs::path& store) {
  int user = static_cast<int>(::geteuid()), group = static_cast<int>(::getegid());
  if (user != 0) {
    if (spec.user >= 0 && spec.user != user)
      fail("kubernetes", "kubernetes.runAsUser is {}, but the run's folder will be yours, user {}. Expected none, or {}.",
           spec.user, user, user);
    return {user, spec.group >= 0 ? spec.group : group};
  }
  struct stat owner {};
  const bool known = ::stat(store.c_str(), &owner) == 0 && owner.st_uid != 0;
  user = spec.user >= 0 ? spec.user : known ? static_cast<int>(owner.st_uid) : kNonRoot;
  const bool same = known && user == static_cast<int>(owner.st_uid);
  group = spec.group >= 0 ? spec.group : same ? static_cast<int>(owner.st_gid) : user;
  return {user, group};
}

}  // namespace tutti
