// The program against a real Kubernetes: the one that `up` starts ($KUBE_ROOT). Without it every test is skipped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/end_to_end/shell.h"
#include "tests/tiny_model.h"
#include "tutti/base/files.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/store.h"
#include "tutti/kubernetes/kubectl.h"
#include "tutti/report/finish.h"
#include "tutti/report/standing.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

// Each test has a folder of its own that the node sees, as a hostPath, and an experiment of its own.
class Cluster : public testing::Test {
 protected:
  void SetUp() override {
    const std::string kubeconfig = env("KUBE_ROOT", "/tmp/kube-it") + "/etc/admin.conf";
    if (!fs::exists(kubeconfig)) GTEST_SKIP() << "no cluster is up here (scripts/test --with-kubernetes starts one)";
    ::setenv("KUBECONFIG", kubeconfig.c_str(), 1);
    // The kubectl of the cluster's version stands above the machine's, which may have none.
    const std::string tools = env("KUBE_CACHE", "/var/cache/kube-it") + "/bin:";
    if (!env("PATH").starts_with(tools)) ::setenv("PATH", (tools + env("PATH")).c_str(), 1);
    const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = fs::path("/var/tmp/tutti-kubernetes") / test;
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    for (const char c : test) name_ += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    write_file_atomically(folder_ / "model.yaml", kTinyModel);
  }
  void TearDown() override {
    if (folder_.empty()) return;
    if (HasFailure()) std::system(("kubectl get jobs,pods -l tutti/experiment=" + name_ + " >&2").c_str());
    std::system(
        ("kubectl delete cronjobs,jobs -l tutti/experiment=" + name_ + " --wait --timeout=60s >/dev/null 2>&1").c_str());
    if (!HasFailure()) fs::remove_all(folder_);
  }

  // A spec of `members` beside `more`; `fit` and `data` are for trainings of a second.
  void write_spec_file(const std::string& members, const std::string& more = "", const std::string& kubernetes = "",
                       const std::string& fit = "{epochs: 2, batch_size: 50}", int samples = 600) const {
    write_file_atomically(folder_ / "spec.yaml",
                          "name: " + name_ + "\nmodel: model.yaml\ndata: {name: shapes, samples: " + std::to_string(samples) +
                              ", test_limit: 200}\nfit: " + fit + "\nmembers: " + members + "\n" + more +
                              "kubernetes:\n  image: tutti:test\n  imagePullPolicy: IfNotPresent\n  storage: {hostPath: " +
                              folder_.string() + "}\n" + kubernetes);
  }
  // A training of some twenty seconds.
  void write_long_spec(const std::string& members, const std::string& kubernetes = "") const {
    write_spec_file(members, "", kubernetes, "{epochs: 60, batch_size: 16}", 10000);
  }
  Result shell(const std::string& command) const { return run_shell(folder_, command, "TUTTI_STORE=$PWD/runs"); }
  // What the cluster has of the test's experiment: "jobs,pods"; a line each.
  std::string objects(const std::string& kinds) const {
    return shell("kubectl get " + kinds + " -l tutti/experiment=" + name_ + " -o name").out;
  }
  // The last run of the test's experiment.
  RunFolder run() const { return find_run(folder_ / "runs", name_); }
  std::string error_of(const std::string& member) const { return run().member(member).status().error; }
  nlohmann::json status() const { return nlohmann::json::parse(shell("tutti status --json " + name_).out); }
  // Waits for it; says what it was if it does not come.
  static bool wait_for(const char* what, double seconds, const std::function<bool()>& is_so) {
    for (const auto begin = Clock::now(); Clock::now() - begin < std::chrono::duration<double>(seconds);) {
      if (is_so()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    ADD_FAILURE() << "after " << seconds << " s there is still not: " << what;
    return false;
  }
  bool wait_until_finished(double seconds = 120) const {
    return wait_for("an ensemble", seconds, [&] { return is_finished(run()); });
  }
  std::string pod_of(const std::string& member) const {
    const Result pods = shell("kubectl get pods -l tutti/experiment=" + name_ + ",tutti/member=" + member +
                              " --field-selector=status.phase=Running -o jsonpath='{.items[*].metadata.name}'");
    return pods.out;
  }
  // Skips the test on a server that would drop what it is about.
  static bool server_has(int major, int minor) { return server_version(*make_kubectl()).at_least(major, minor); }

  fs::path folder_;
  std::string name_;
};

TEST_F(Cluster, ThreeEnginesTrainToAnEnsemble) {
  write_spec_file("{engine: [native, onednn, reference], seed: [1]}");
  const Result trained = shell("tutti train spec.yaml --on kubernetes");
  EXPECT_EQ(trained.code, 0) << trained.err;
  EXPECT_THAT(trained.out, HasSubstr("3 members on Kubernetes"));
  EXPECT_THAT(trained.out, ContainsRegex("ensemble +[0-9.]+ "));
  EXPECT_TRUE(is_finished(run()));
  EXPECT_TRUE(fs::exists(run().ensemble() / "report.html"));
  for (const char* member : {"native-1", "onednn-1", "reference-1"}) {
    ASSERT_TRUE(run().member(member).result()) << member;
    EXPECT_THAT(read_file(run().member(member).log()), HasSubstr("training, 60 validation and 200 test samples")) << member;
  }
  const auto pods = nlohmann::json::parse(shell("kubectl get pods -l tutti/experiment=" + name_ + " -o json").out)["items"];
  ASSERT_EQ(pods.size(), 3u);
  for (const auto& pod : pods) {
    const auto& container = pod["spec"]["containers"][0];
    std::string engine;
    for (const auto& variable : container["env"])
      if (variable["name"] == "TUTTI_ENGINE") engine = variable["value"];
    EXPECT_EQ(pod["metadata"]["labels"]["tutti/member"], engine + "-1");
    EXPECT_EQ(pod["status"]["phase"], "Succeeded");
    EXPECT_EQ(container["volumeMounts"].size(), 2u) << "no token of a service account is there";
    // The same log lies in the store.
    const Result log = shell("kubectl logs " + pod["metadata"]["name"].get<std::string>());
    EXPECT_THAT(log.out, HasSubstr("training, 60 validation and 200 test samples"));
  }
  EXPECT_EQ(shell("tutti status " + name_).code, 0);
  EXPECT_EQ(status()["members"][0]["state"], "done");
  EXPECT_THAT(shell("tutti logs -f " + name_).out, HasSubstr("onednn-1    | "));
  // There is nothing to resume.
  EXPECT_EQ(shell("timeout 20 '" + kTutti + "' resume " + name_).code, 0);
  EXPECT_TRUE(is_finished(run()));
  // Its Jobs go with it.
  const Result removed = shell("tutti rm " + name_ + "/" + run().path().filename().string());
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_EQ(objects("jobs"), "");
}

TEST_F(Cluster, NobodyNeedsToStay) {
  write_spec_file("{engine: [native, onednn], seed: [1, 2]}");
  const Result submitted = shell("tutti train spec.yaml --on kubernetes --detach");
  EXPECT_EQ(submitted.code, 0) << submitted.err;
  ASSERT_TRUE(wait_until_finished());
  const Result report = shell("tutti report --json " + name_);
  EXPECT_EQ(nlohmann::json::parse(report.out)["members"].size(), 4u);
  int makers = 0;
  for (const char* member : {"native-1", "native-2", "onednn-1", "onednn-2"})
    makers += shell(std::string("kubectl logs -l tutti/experiment=") + name_ + ",tutti/member=" + member + " --tail=-1")
                  .out.find("ended last and made the ensemble") != std::string::npos;
  EXPECT_EQ(makers, 1);
}

TEST_F(Cluster, ControlCLeavesTheMembersAlone) {
  write_long_spec("{engine: native, seed: [1]}");
  EXPECT_THAT(shell("timeout -s INT 10 '" + kTutti + "' train spec.yaml --on kubernetes --run second").out,
              HasSubstr("The members go on in the cluster"));
  EXPECT_THAT(shell("kubectl get jobs -l tutti/run=second -o name").out, HasSubstr("job"));
  // A slash at its end makes it no other run; and it is not started a second time.
  EXPECT_THAT(shell("tutti resume runs/" + name_ + "/second/").err, HasSubstr("has a Job in the cluster"));
  EXPECT_EQ(shell("tutti cancel runs/" + name_ + "/second/").code, 0);
  EXPECT_EQ(shell("kubectl get jobs -l tutti/run=second -o name").out, "");
}

TEST_F(Cluster, AMemberThatCrashesTwiceAndOneThatNeverSucceeds) {
  // Their model: one that was trained here.
  write_spec_file("{engine: native, seed: [1]}");
  ASSERT_EQ(shell("tutti train spec.yaml --run local").code, 0);
  fs::copy_file(folder_ / "runs" / name_ / "local/members/native-1/model.h5", folder_ / "trained.h5");
  write_file_atomically(folder_ / "crash.sh",
                        "echo try >> tries.txt\n"
                        "[ $(wc -l < tries.txt) -gt 2 ] || { echo this time it crashes; kill -SEGV $$; }\n"
                        "cp " +
                            folder_.string() + "/trained.h5 crashing_0.5_model.h5\n");
  write_spec_file(
      "\n  include:\n    - {name: good, engine: native, seed: 1}\n    - {name: crashing, command: [sh, crash.sh]}\n"
      "    - {name: hopeless, command: [sh, -c, \"echo it never can; exit 3\"]}",
      "", "  backoffLimit: 2\n");
  const Result trained = shell("tutti train spec.yaml --on kubernetes");
  EXPECT_EQ(trained.code, 3) << trained.out << trained.err;
  EXPECT_TRUE(run().member("good").result());
  EXPECT_TRUE(run().member("crashing").result());
  EXPECT_FALSE(run().member("hopeless").result());
  EXPECT_EQ(read_file(run().member("crashing").path() / "tries.txt"), "try\ntry\ntry\n");
  EXPECT_EQ(run().member("hopeless").status().state, MemberState::kFailed);
  EXPECT_THAT(error_of("hopeless"), HasSubstr("exit code 3"));
  EXPECT_THAT(trained.out, HasSubstr("hopeless: failed: "));
  EXPECT_TRUE(is_finished(run()));
  EXPECT_THAT(shell("tutti status " + name_).out, ContainsRegex("hopeless +failed: .*exit code 3"));
  // The Job was given up; it was tried three times.
  const Result pods = shell("kubectl get pods -l tutti/experiment=" + name_ + ",tutti/member=hopeless -o name | wc -l");
  EXPECT_EQ(pods.out, "3\n");
}

TEST_F(Cluster, ADeletedPodResumesFromItsCheckpoint) {
  write_long_spec("{engine: native, seed: [1]}");
  ASSERT_EQ(shell("tutti train spec.yaml --on kubernetes --detach --run deleted").code, 0);
  const MemberFolder member = run().member("native-1");
  ASSERT_TRUE(wait_for("three epochs", 60, [&] { return member.status().epoch >= 3; }));
  const std::string first = member.status().host;
  EXPECT_EQ(shell("kubectl delete pod " + pod_of("native-1") + " --wait=false").code, 0);
  ASSERT_TRUE(wait_for("another Pod", 60,
                       [&] { return member.status().state == MemberState::kRunning && member.status().host != first; }));
  ASSERT_TRUE(wait_until_finished());
  EXPECT_EQ(member.history().values("loss").size(), 60u);
  // The very model that an undisturbed training gives.
  ASSERT_EQ(shell("tutti train spec.yaml --run undisturbed").code, 0);
  EXPECT_EQ(read_file(member.path() / "test.npy"),
            read_file(folder_ / "runs" / name_ / "undisturbed/members/native-1/test.npy"));
}

TEST_F(Cluster, ADrainedNodeGivesItsMembersBack) {
  write_long_spec("{engine: [native, onednn], seed: [1]}");
  ASSERT_EQ(shell("tutti train spec.yaml --on kubernetes --detach").code, 0);
  ASSERT_TRUE(wait_for("two epochs", 60, [&] { return run().member("native-1").status().epoch >= 2; }));
  const std::string node = shell("kubectl get nodes -o jsonpath='{.items[0].metadata.name}'").out;
  EXPECT_EQ(shell("kubectl drain " + node +
                  " --force --ignore-daemonsets --delete-emptydir-data --timeout=60s --pod-selector=tutti/experiment=" + name_)
                .code,
            0);
  struct Uncordon {
    std::string command;
    ~Uncordon() { std::system(command.c_str()); }
  } const uncordon{"kubectl uncordon " + node + " >/dev/null"};  // whatever happens: other tests need the node
  // Nobody may run there; it is said so.
  EXPECT_TRUE(wait_for("the reason", 60, [&] {
    const auto member = status()["members"][0];
    return member["state"] == "waiting" && member["error"].get<std::string>().find("unschedulable") != std::string::npos;
  })) << status().dump();
  EXPECT_EQ(shell("kubectl uncordon " + node).code, 0);
  ASSERT_TRUE(wait_until_finished());
  for (const char* member : {"native-1", "onednn-1"}) EXPECT_EQ(run().member(member).history().values("loss").size(), 60u);
}

TEST_F(Cluster, AMemberOutOfMemoryIsReportedAsSuch) {
  write_spec_file("{engine: native, seed: [1]}", "", "  resources: {limits: {memory: 48Mi}}\n  backoffLimit: 0\n",
                  "{epochs: 2, batch_size: 50}", 40000);
  const Result trained = shell("tutti train spec.yaml --on kubernetes");
  EXPECT_EQ(trained.code, 1) << trained.out;
  EXPECT_THAT(shell("tutti status " + name_).out, HasSubstr("failed: OOMKilled: out of memory at its limit of 48Mi"));
}

TEST_F(Cluster, AGpuThatNobodyHasIsExplained) {
  write_spec_file("{engine: native, seed: [1]}", "", "  resources: {limits: {nvidia.com/gpu: 3}}\n");
  ASSERT_EQ(shell("tutti train spec.yaml --on kubernetes --detach").code, 0);
  EXPECT_TRUE(wait_for("the reason", 30, [&] {
    return shell("tutti status " + name_).out.find("Insufficient nvidia.com/gpu") != std::string::npos;
  }));
  EXPECT_THAT(shell("timeout -s INT 3 '" + kTutti + "' logs -f " + name_).out,
              ContainsRegex("native-1 \\| \\(waiting: .*Insufficient nvidia.com/gpu"));
  EXPECT_EQ(shell("tutti cancel " + name_).code, 0);
  EXPECT_EQ(objects("jobs,pods"), "");
}

TEST_F(Cluster, CancelAndResume) {
  write_long_spec("{engine: [native, onednn], seed: [1]}");
  ASSERT_EQ(shell("tutti train spec.yaml --on kubernetes --detach").code, 0);
  ASSERT_TRUE(wait_for("two epochs", 60, [&] { return run().member("onednn-1").status().epoch >= 2; }));
  const Result refused = shell("tutti rm " + name_ + "/" + run().path().filename().string());
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("has a Job in the cluster. Expected: tutti cancel"));
  const Result cancelled = shell("tutti cancel " + name_);
  EXPECT_EQ(cancelled.code, 0) << cancelled.err;
  EXPECT_THAT(cancelled.out, HasSubstr("Go on with: tutti resume"));
  EXPECT_EQ(objects("jobs,pods"), "");
  EXPECT_EQ(run().member("onednn-1").status().state, MemberState::kInterrupted);
  const int epochs = run().member("onednn-1").status().epoch;
  EXPECT_GE(epochs, 2);
  EXPECT_EQ(shell("tutti cancel " + name_).out, "nothing of " + run().path().string() + " is running\n");

  const Result resumed = shell("tutti resume " + name_);
  EXPECT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("2 members on Kubernetes"));
  EXPECT_EQ(run().member("onednn-1").history().values("loss").size(), 60u);
}

TEST_F(Cluster, ThirtyTinyMembersAtOnce) {
  std::string seeds;
  for (int seed = 1; seed <= 30; ++seed) seeds += (seed > 1 ? ", " : "") + std::to_string(seed);
  write_spec_file("{engine: native, seed: [" + seeds + "]}", "", "", "{epochs: 1, batch_size: 50}");
  const Result trained = shell("tutti train spec.yaml --on kubernetes --json");
  EXPECT_EQ(trained.code, 0) << trained.err;
  EXPECT_EQ(nlohmann::json::parse(trained.out)["members"].size(), 30u);
}

TEST_F(Cluster, ACronJobFiresAndGrowsTheStandingEnsemble) {
  // What it has to beat.
  write_spec_file("{engine: native, seed: [1]}", "ensemble: {weights: uniform, grow: true}\n", "",
                  "{epochs: 1, batch_size: 50, learning_rate: 0.0000001}");
  ASSERT_EQ(shell("tutti train spec.yaml --run poor").code, 0);
  const StandingFolder standing(folder_ / "runs" / name_);
  const double poor = standing.current()->validation.loss;
  write_spec_file("{engine: [native, onednn]}", "ensemble: {weights: uniform, grow: true}\n", "",
                  "{epochs: 5, batch_size: 20}");
  const Result scheduled = shell("tutti schedule spec.yaml --cron '* * * * *' --concurrency forbid --starting-deadline 50");
  ASSERT_EQ(scheduled.code, 0) << scheduled.err;
  EXPECT_THAT(scheduled.out, HasSubstr("2 members at \"* * * * *\""));
  const auto finished = [&] {
    int count = 0;
    for (const RunFolder& one : list_runs(folder_ / "runs")) count += is_finished(one);
    return count;
  };
  ASSERT_TRUE(wait_for("two firings", 200, [&] { return finished() >= 2; }));
  EXPECT_EQ(shell("tutti schedule spec.yaml --remove").code, 0);
  EXPECT_EQ(objects("cronjobs,jobs"), "");
  EXPECT_GE(standing.versions().size(), 2u);
  EXPECT_LT(standing.current()->validation.loss, poor);
  // Each firing has seeds of its own.
  std::set<std::string> names;
  for (const RunFolder& one : list_runs(folder_ / "runs")) {
    if (!is_finished(one)) continue;
    for (const std::string& name : names_of(plan(spec_of_run(one)))) EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_THAT(shell("tutti ensemble list " + name_).out, HasSubstr("in use"));
  EXPECT_EQ(shell("tutti ensemble rollback " + name_ + " --version 1").code, 0);
  EXPECT_EQ(standing.current()->version, 1);
}

TEST_F(Cluster, TheServerTakesEveryManifest) {
  const fs::path golden = TUTTI_SOURCE_DIR "/tests/golden/manifests";
  for (const char* file : {"jobs-1.20.yaml", "cron-1.20.yaml", "probe.yaml"})
    EXPECT_EQ(shell("kubectl apply --dry-run=server -f " + (golden / file).string()).code, 0) << read_file(folder_ / "err.txt");
  if (server_has(1, 33)) {
    for (const char* file : {"jobs-1.33.yaml", "indexed-1.33.yaml", "cron-1.33.yaml"})
      EXPECT_EQ(shell("kubectl apply --dry-run=server -f " + (golden / file).string()).code, 0)
          << read_file(folder_ / "err.txt");
  }
  EXPECT_EQ(shell("kubectl apply --dry-run=server -k " TUTTI_SOURCE_DIR "/deploy/kustomize/base").code, 0)
      << read_file(folder_ / "err.txt");
  write_spec_file("{engine: [native, onednn], seed: [1]}", "run: {deadline: 1h, threads: 1}\n",
                  "  resources: {requests: {cpu: 100m}, limits: {memory: 1Gi, nvidia.com/gpu: 1}}\n"
                  "  nodeSelector: {gpu: true}\n  tolerations: [{key: nvidia.com/gpu, operator: Exists}]\n");
  for (const char* command :
       {"tutti train spec.yaml --on kubernetes --dry-run", "tutti schedule spec.yaml --cron '0 3 * * *' --dry-run"}) {
    const Result applied = shell(std::string(command) + " > m.yaml && kubectl apply --dry-run=server -f m.yaml");
    EXPECT_EQ(applied.code, 0) << command << applied.err;
    EXPECT_THAT(applied.out, HasSubstr("server dry run"));
  }
}

TEST_F(Cluster, WhatTheServerLacksIsRefused) {
  if (server_has(1, 29)) GTEST_SKIP() << "this Kubernetes has it all";
  for (const char* setting : {"kubernetes.suspend=true", "kubernetes.queue=q", "kubernetes.layout=indexed"}) {
    write_spec_file("{engine: native, seed: [1]}");
    const Result refused = shell(std::string("tutti train spec.yaml --on kubernetes --set ") + setting);
    EXPECT_EQ(refused.code, 1) << setting;
    EXPECT_THAT(refused.err, ContainsRegex("this cluster's Kubernetes v[0-9.]+ has no")) << setting;
    EXPECT_FALSE(fs::exists(folder_ / "runs" / name_)) << "nothing is left of it";
  }
  EXPECT_THAT(shell("tutti schedule spec.yaml --cron '0 3 * * *' --time-zone Europe/Berlin").err,
              HasSubstr("has no time zones of CronJobs"));
}

TEST_F(Cluster, ASuspendedJobWaits) {
  if (!server_has(1, 22)) GTEST_SKIP() << "this Kubernetes has no suspended Jobs (1.22)";
  write_spec_file("{engine: native, seed: [1]}", "", "  suspend: true\n");
  ASSERT_EQ(shell("tutti train spec.yaml --on kubernetes --detach").code, 0);
  EXPECT_THAT(shell("tutti status " + name_).out, HasSubstr("waiting: suspended"));
  EXPECT_EQ(shell("kubectl patch job -l tutti/experiment=" + name_ + " -p '{\"spec\":{\"suspend\":false}}'").code, 0);
  EXPECT_TRUE(wait_until_finished());
}

TEST_F(Cluster, OneIndexedJobTrainsAll) {
  if (!server_has(1, 29)) GTEST_SKIP() << "this Kubernetes has no Indexed Jobs with retries of each index (1.29)";
  write_spec_file("{engine: [native, onednn], seed: [1]}", "", "  layout: indexed\n");
  const Result trained = shell("tutti train spec.yaml --on kubernetes");
  EXPECT_EQ(trained.code, 0) << trained.err;
  EXPECT_EQ(shell("kubectl get jobs -l tutti/experiment=" + name_ + " -o name | wc -l").out, "1\n");
}

TEST_F(Cluster, TheDoctorTriesAPod) {
  write_spec_file("{engine: native, seed: [1]}");
  const Result good = shell("tutti doctor --on kubernetes --spec spec.yaml");
  EXPECT_EQ(good.code, 0) << good.out;
  EXPECT_THAT(good.out, ContainsRegex("ok +image +tutti:test runs"));
  EXPECT_THAT(good.out, ContainsRegex("ok +Pod: store +.*can be written"));
  EXPECT_THAT(good.out, ContainsRegex("ok +Pod: shared store"));
  const Result missing = shell("tutti doctor --on kubernetes --spec spec.yaml --image nobody/has:it");
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.out, ContainsRegex("FAIL +image +.*nobody/has:it"));
  EXPECT_EQ(objects("pods"), "");
}

TEST_F(Cluster, MistakesAreOneLine) {
  write_spec_file("{engine: native, seed: [1]}");
  for (const char* command :
       {"tutti train spec.yaml --on kubernetes --context nowhere", "KUBECONFIG=/nowhere tutti train spec.yaml --on kubernetes",
        "PATH=/usr/bin/nothing tutti train spec.yaml --on kubernetes",
        "tutti train spec.yaml --on kubernetes --store /var/tmp/elsewhere",
        "tutti train spec.yaml --on kubernetes --namespace nowhere", "tutti schedule spec.yaml --cron 'every day'",
        "tutti schedule spec.yaml --cron '99 3 * * *'", "tutti schedule spec.yaml --remove", "tutti schedule spec.yaml"}) {
    const Result result = shell(command);
    EXPECT_EQ(result.code, 1) << command;
    EXPECT_THAT(result.err, testing::MatchesRegex("tutti: error: [^\n]*\n")) << command;
  }
}

}  // namespace
}  // namespace tutti
