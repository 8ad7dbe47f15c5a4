#include "tutti/kubernetes/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/experiment/experiment.h"
#include "tutti/kubernetes/names.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::HasSubstr;
using testing::Not;

const ServerVersion kOld = {1, 20, "v1.20.2"}, kNew = {1, 33, "v1.33.1"};

Spec spec_of(const std::string& kubernetes, const std::string& more = "members: {engine: [native, torch], seed: [1]}\n") {
  return resolve(parse_spec("name: cifar10\nmodel: m.yaml\ndata: {name: shapes}\n" + more + "kubernetes: " + kubernetes + "\n",
                            "/srv/tutti/e.yaml"),
                 Where::kElsewhere);
}

std::string jobs_of(const Spec& spec, const ServerVersion& server) {
  const std::vector<Member> members = plan(spec);
  return job_manifests(spec, RunFolder("/srv/tutti/runs/cifar10/20261122-105000"), members, names_of(members),
                       {.server = server, .owner = "jane", .user = 1000, .group = 100});
}

std::string cron_of(const Spec& spec, const ServerVersion& server, const CronOptions& cron) {
  return cron_manifest(spec, "/srv/tutti/runs/cifar10/schedule/20261122-105000-1", plan(spec), cron,
                       {.server = server, .owner = "jane", .user = 1000, .group = 100});
}

std::string error_of(const std::function<void()>& function) try {
  function();
  return "";
} catch (const Error& error) {
  return error.what();
}

void compare(const std::string& name, const std::string& manifest) {
  const fs::path file = fs::path(TUTTI_SOURCE_DIR) / "tests/golden/manifests" / (name + ".yaml");
  if (!env("TUTTI_UPDATE_GOLDEN").empty()) write_file_atomically(file, manifest);
  ASSERT_TRUE(fs::exists(file)) << file;
  EXPECT_EQ(manifest, read_file(file)) << name;
}

TEST(Manifests, OfAnOldServer) { compare("jobs-1.20", jobs_of(spec_of("{storage: {hostPath: /srv/tutti}}"), kOld)); }

TEST(Manifests, WithEverything) {
  compare("jobs-1.33",
          jobs_of(spec_of(R"(
  image: registry.example/tutti:0.1.0
  imagePullPolicy: Always
  imagePullSecrets: [registry]
  storage: {nfs: {server: nas, path: /export/tutti}, mountPath: /srv/tutti}
  resources: {requests: {cpu: 500m}, limits: {cpu: 2, memory: 4Gi}}
  nodeSelector: {gpu: true}
  tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
  runtimeClassName: nvidia
  priorityClassName: low
  queue: training
  backoffLimit: 1
  ttlSecondsAfterFinished: 600
)",
                          "run: {deadline: 2h, threads: 2}\nmembers:\n  include:\n    - {engine: native, seed: 1}\n"
                          "    - {engine: torch, device: cuda, seed: 1, kubernetes.resources: "
                          "{limits: {nvidia.com/gpu: 1}}}\n    - {name: keras, command: [python3, train.py], "
                          "env: {KERAS_BACKEND: jax}}\n"),
                  kNew));
}

TEST(Manifests, OneIndexedJob) {
  compare("indexed-1.33",
          jobs_of(spec_of("{storage: {persistentVolumeClaim: tutti, mountPath: /srv/tutti}, layout: indexed, suspend: true}"),
                  kNew));
}

TEST(Manifests, CronJobs) {
  const Spec spec = spec_of("{storage: {hostPath: /srv/tutti}}");
  compare("cron-1.20", cron_of(spec, kOld, {.schedule = "*/5 * * * *", .starting_deadline = 600}));
  compare("cron-1.33", cron_of(spec, kNew,
                               {.schedule = "0 3 * * *",
                                .time_zone = "Europe/Berlin",
                                .concurrency = "Replace",
                                .successful_history = 5,
                                .failed_history = 2,
                                .suspend = true}));
}

TEST(Manifests, AProbe) {
  compare("probe", probe_manifest(spec_of("{storage: {hostPath: /srv/tutti}}"), "tutti-probe", "/srv/tutti/runs", ".probe",
                                  {.server = kOld, .owner = "jane", .user = 1000, .group = 100}));
}

TEST(Manifests, RefuseWhatTheServerWouldForget) {
  EXPECT_THAT(error_of([] { jobs_of(spec_of("{storage: {hostPath: /srv}, suspend: true}"), kOld); }),
              HasSubstr("Kubernetes v1.20.2 has no suspended Jobs (1.22): it would drop them silently"));
  EXPECT_THAT(error_of([] { jobs_of(spec_of("{storage: {hostPath: /srv}, queue: q}"), kOld); }), HasSubstr("Kueue"));
  EXPECT_THAT(error_of([] {
                jobs_of(spec_of("{storage: {hostPath: /srv}, layout: indexed}"), {1, 28, "v1.28.0"});
              }),
              HasSubstr("Expected kubernetes.layout: jobs"));
  const Spec spec = spec_of("{storage: {hostPath: /srv}}");
  EXPECT_THAT(error_of([&] { cron_of(spec, kOld, {.schedule = "@daily", .time_zone = "Asia/Tokyo"}); }),
              HasSubstr("no time zones"));
  EXPECT_THAT(jobs_of(spec, kOld), Not(HasSubstr("podFailurePolicy")));
}

TEST(Manifests, MembersOfAnIndexedJobAreAlike) {
  const Spec spec = spec_of("{storage: {hostPath: /srv}, layout: indexed}",
                            "members: {include: [{engine: native}, {engine: torch, kubernetes.image: other}]}\n");
  EXPECT_THAT(error_of([&] { jobs_of(spec, kNew); }), HasSubstr("has another kubernetes section than"));
}

TEST(Manifests, FilesMustBeInTheVolume) {
  const auto error = [](const std::string& kubernetes, const std::string& data, const char* store) {
    const Spec spec = parse_spec("model: m.yaml\ndata: " + data + "\nkubernetes: " + kubernetes + "\n", "/srv/tutti/e.yaml");
    return error_of([&] { check_visible(spec, store); });
  };
  EXPECT_EQ(error("{storage: {hostPath: /srv/tutti}}", "shapes", "/srv/tutti/runs"), "");
  EXPECT_EQ(error("{storage: {hostPath: /srv/tutti/}}", "{name: /srv/tutti/images}", "/srv/tutti"), "");
  EXPECT_THAT(error("{}", "shapes", "/srv/tutti/runs"), HasSubstr("kubernetes.storage is missing"));
  EXPECT_THAT(error("{storage: {hostPath: /srv/tutti}}\nmembers: {include: [{engine: native, kubernetes.namespace: mine}]}",
                    "shapes", "/srv/tutti/runs"),
              HasSubstr("native-0 has its own kubernetes.context, namespace"));
  EXPECT_THAT(error("{storage: {hostPath: /srv/tutti}}", "shapes", "/srv/tuttifrutti"), HasSubstr("is not in /srv/tutti"));
  EXPECT_THAT(error("{storage: {hostPath: /srv/tutti}}", "/home/jane/images", "/srv/tutti/runs"),
              HasSubstr("the Pods do not see it"));
  EXPECT_THAT(error("{storage: {hostPath: /srv/tutti}}", "{name: cifar10, dir: /home/jane}", "/srv/tutti/runs"),
              HasSubstr("the data's folder /home/jane is not in /srv/tutti"));
}

TEST(Names, AreWhatKubernetesTakes) {
  EXPECT_EQ(object_name({"cifar10", "20261122-105000", "native-1"}), "cifar10-20261122-105000-native-1");
  const std::string changed = object_name({"CIFAR_10", "r", "native-0.01"});
  EXPECT_THAT(changed, testing::MatchesRegex("cifar-10-r-native-0-01-[0-9a-f]{8}"));
  EXPECT_NE(changed, object_name({"cifar_10", "r", "native-0.01"}));
  const std::string cut = object_name({std::string(63, 'a'), "r", "m"});
  EXPECT_EQ(cut.size(), 63u);
  EXPECT_NE(cut, object_name({std::string(63, 'a'), "r", "n"}));
  EXPECT_THAT(object_name({"_", "."}), testing::MatchesRegex("[0-9a-f]{8}"));
  EXPECT_EQ(label_value("native-0.01_x"), "native-0.01_x");
  EXPECT_THAT(label_value("ends-"), testing::MatchesRegex("ends-[0-9a-f]{8}"));
}

}  // namespace
}  // namespace tutti
