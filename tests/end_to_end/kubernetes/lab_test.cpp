// tutti lab against the real Kubernetes that `up` starts, with the images that ../lab/images makes, and a browser.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

#include "tutti/base/files.h"
#include "tutti/base/process.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

struct Said {
  int code = -1;
  std::string out, err;
};

const std::string kTests = TUTTI_SOURCE_DIR "/tests/end_to_end/lab";

class LabInCluster : public testing::Test {
 protected:
  void SetUp() override {
    const std::string kubeconfig = env("KUBE_ROOT", "/tmp/kube-it") + "/etc/admin.conf";
    if (!fs::exists(kubeconfig)) GTEST_SKIP() << "no cluster is up here (scripts/test --with-kubernetes starts one)";
    ::setenv("KUBECONFIG", kubeconfig.c_str(), 1);
    ::setenv("PATH", (env("KUBE_CACHE", "/var/cache/kube-it") + "/bin:" + env("PATH")).c_str(), 1);
    folder_ = "/var/tmp/tutti-lab-test";
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "notebooks");
    const Said made = run(kTests + "/images", 1500);
    if (made.code == 77) GTEST_SKIP() << made.err;
    ASSERT_EQ(made.code, 0) << made.err;
    std::istringstream(made.out) >> first_ >> second_;
    ASSERT_FALSE(second_.empty()) << made.out;
    // Whoever they run as must be able to write there.
    ASSERT_EQ(::chown((folder_ / "notebooks").c_str(), 65532, 65532), 0);
  }
  void TearDown() override {
    if (folder_.empty()) return;
    if (HasFailure())
      std::system("kubectl get all -l app.kubernetes.io/name=tutti-lab >&2; kubectl logs deployment/ml --tail=20 >&2");
    lab("down --on kubernetes --name ml --delete-notebooks");
    if (!HasFailure()) fs::remove_all(folder_);
  }

  Said run(const std::string& command, double seconds = 400) const {
    const Captured captured = capture(
        {"bash", "-c", "cd " + folder_.string() + " && XDG_STATE_HOME=$PWD/state && export XDG_STATE_HOME && " + command}, "",
        seconds);
    return {captured.end.signal != 0 ? -1 : captured.end.code, captured.out, captured.err};
  }
  Said lab(const std::string& arguments) const { return run(TUTTI_BINARY_DIR "/bin/tutti lab " + arguments); }
  // The scenario of ../lab/drive.mjs against a lab in the cluster.
  Said drive(const std::string& url, const std::string& token, const std::string& steps) const {
    return run("LAB_URL=" + url + " LAB_TOKEN=" + token + " " + kTests + "/run " + (folder_ / "pictures").string() +
               " --steps " + steps);
  }

  fs::path folder_;
  std::string first_, second_;  // images
};

// "http://HOST:PORT" and the token of what `up` printed.
std::pair<std::string, std::string> address_of(const std::string& printed) {
  const std::size_t begin = printed.find("http://"), path = printed.find("/lab?token=", begin);
  if (begin == std::string::npos || path == std::string::npos) return {};
  const std::size_t token = path + std::string("/lab?token=").size();
  return {printed.substr(begin, path - begin), printed.substr(token, printed.find('\n', token) - token)};
}

TEST_F(LabInCluster, TheArticlesWay) {
  const Said up = lab("up --on kubernetes --name ml --image " + first_ +
                      " --image-pull-policy IfNotPresent --host-path $PWD/notebooks --node-port 30001 --memory 2Gi "
                      "--change-cause 'the first image' --manifests lab.yaml");
  ASSERT_EQ(up.code, 0) << up.err;
  const auto [url, token] = address_of(up.out);
  EXPECT_THAT(url, HasSubstr(":30001"));
  EXPECT_EQ(token.size(), 48u) << up.out;
  EXPECT_THAT(read_file(folder_ / "lab.yaml"), Not(HasSubstr(token)));
  // In no object but the Secret, and in no argument of a process of the Pod.
  EXPECT_THAT(run("kubectl get deployments,services,pods,replicasets -o yaml").out, Not(HasSubstr(token)));
  EXPECT_THAT(run("kubectl exec deployment/ml -- sh -c 'cat /proc/[0-9]*/cmdline | tr \"\\0\" \" \"'").out,
              Not(HasSubstr(token)));
  EXPECT_THAT(run("kubectl exec deployment/ml -- id -u").out, "65532\n");
  EXPECT_NE(run("kubectl exec deployment/ml -- touch /usr/x").code, 0);

  const Said driven = drive(url, token, "refused,open,notebook,rerun,article");
  EXPECT_EQ(driven.code, 0) << driven.out << driven.err;
  EXPECT_TRUE(fs::exists(folder_ / "notebooks/Untitled.ipynb"));

  // The same again changes nothing, not even the token.
  const Said again = lab("up --on kubernetes --name ml --manifests lab.yaml");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr(token));

  // The Dockerfile and the manifests are under version control.
  run("git init -q && git config user.email a@b.example && git config user.name jane && cp " TUTTI_SOURCE_DIR
      "/deploy/lab/Dockerfile . && git add Dockerfile lab.yaml && git commit -qm first");
  const Said updated = lab("update --name ml --image " + second_ + " --change-cause 'a variable added' --manifests lab.yaml");
  EXPECT_EQ(updated.code, 0) << updated.err;
  EXPECT_EQ(run("git log --format=%s -1").out, "Update the lab ml: a variable added\n");
  EXPECT_EQ(run("git status --porcelain lab.yaml").out, "");
  EXPECT_EQ(run("kubectl exec deployment/ml -- printenv LAB_TEST").out, "second\n");
  const Said history = lab("history --name ml");
  EXPECT_THAT(history.out, ContainsRegex("1 .*the first image"));
  EXPECT_THAT(history.out, ContainsRegex("2 .*a variable added.*now"));

  const Said back = lab("rollback --name ml");
  EXPECT_EQ(back.code, 0) << back.err;
  EXPECT_THAT(back.out, HasSubstr("is back at " + first_ + ": the first image"));
  EXPECT_NE(run("kubectl exec deployment/ml -- printenv LAB_TEST").code, 0);
  EXPECT_THAT(lab("history --name ml").out, ContainsRegex("3 .*the first image.*now"));
  EXPECT_THAT(lab("rollback --name ml --to 17").err, HasSubstr("17"));
  // The notebooks and the token are as they were.
  const Said reopened = drive(url, token, "refused,open,reopen");
  EXPECT_EQ(reopened.code, 0) << reopened.out << reopened.err;
  EXPECT_THAT(lab("status --on kubernetes --name ml").out, HasSubstr("ml: ready"));
  EXPECT_THAT(lab("logs --on kubernetes --name ml").out, HasSubstr("Jupyter Server"));

  EXPECT_EQ(lab("down --on kubernetes --name ml").code, 0);
  EXPECT_EQ(run("kubectl get all,secrets,networkpolicies -l app.kubernetes.io/name=tutti-lab -o name").out, "");
  EXPECT_TRUE(fs::exists(folder_ / "notebooks/Untitled.ipynb"));
  EXPECT_EQ(lab("status --on kubernetes --name ml").code, 1);
}

// The first article's Job, which ran python on a file of the shared folder.
TEST_F(LabInCluster, AScriptInAJob) {
  write_file_atomically(folder_ / "notebooks/train.cpp", R"(#include <tutti/tutti.h>
using namespace tutti;
int main(int argc, char** argv) {
  auto [train, test] = datasets::shapes({.n_train = 64, .n_test = 32});
  Sequential model({Input({32, 32, 3}), Rescaling(1.0 / 255), Flatten(), Dense(10, {.activation = "softmax"})});
  model.compile({.optimizer = Adam(), .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  model.fit(train, {.epochs = 1, .verbose = 2});
  std::cout << "evaluated on " << test.size() << " images with " << argv[1] << ": " << model.evaluate(test).find("accuracy").has_value() << "\n";
  return 3;
}
)");
  write_file_atomically(folder_ / "job.yaml", R"(apiVersion: batch/v1
kind: Job
metadata: {name: script}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: train
        image: )" + first_ + R"(
        imagePullPolicy: IfNotPresent
        command: ["tutti"]
        args: ["run", "/notebooks/train.cpp", "an argument"]
        volumeMounts: [{name: data, mountPath: /notebooks}]
      volumes: [{name: data, hostPath: {path: )" + (folder_ / "notebooks").string() +
                                                  R"(}}]
)");
  run("kubectl delete job script --ignore-not-found");
  ASSERT_EQ(run("kubectl apply -f job.yaml").code, 0);
  // It ends with 3, so the Job fails.
  EXPECT_EQ(run("kubectl wait --for=condition=failed job/script --timeout=90s").code, 0) << run("kubectl get job script").out;
  EXPECT_THAT(run("kubectl logs job/script").out, HasSubstr("evaluated on 32 images with an argument: 1\n"));
  EXPECT_EQ(
      run("kubectl get pods -l job-name=script -o jsonpath='{.items[0].status.containerStatuses[0].state.terminated.exitCode}'")
          .out,
      "3");
  run("kubectl delete job script");
}

TEST_F(LabInCluster, NothingIsOpenThatWasNotAskedFor) {
  const Said up =
      lab("up --on kubernetes --name ml --image " + first_ + " --image-pull-policy IfNotPresent --set runAsUser=65532");
  ASSERT_EQ(up.code, 0) << up.err;
  const auto [url, token] = address_of(up.out);
  EXPECT_THAT(url, HasSubstr("http://127.0.0.1:"));
  EXPECT_EQ(run("kubectl get service ml -o jsonpath='{.spec.type}'").out, "ClusterIP");
  // This cluster's provisioner makes folders of root, and knows no fsGroup.
  run("chmod 777 " + env("KUBE_ROOT", "/tmp/kube-it") + "/pv/*");
  EXPECT_EQ(run("curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: token " + token + "' " + url + "/api/contents").out,
            "200");
  EXPECT_EQ(run("curl -s -o /dev/null -w '%{http_code}' " + url + "/api/contents").out, "403");
  // A claim of its own, which stays.
  EXPECT_EQ(run("kubectl exec deployment/ml -- touch /notebooks/mine").code, 0);
  EXPECT_EQ(lab("down --on kubernetes --name ml").code, 0);
  EXPECT_THAT(run("kubectl get persistentvolumeclaims -o name").out, HasSubstr("/ml"));
  EXPECT_NE(run("curl -s " + url + "/api").code, 0);
  EXPECT_EQ(lab("down --on kubernetes --name ml --delete-notebooks").code, 0);
  EXPECT_THAT(run("kubectl get persistentvolumeclaims -o name").out, Not(HasSubstr("/ml")));
}

TEST_F(LabInCluster, AnImageThatIsNotThereIsExplained) {
  const Said up = lab("up --on kubernetes --name ml --image no-such:1 --image-pull-policy Never --wait 8");
  EXPECT_EQ(up.code, 1);
  EXPECT_THAT(up.err, HasSubstr("ErrImageNeverPull"));
}

}  // namespace
}  // namespace tutti
