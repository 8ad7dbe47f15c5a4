#include "tutti/kubernetes/kubectl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/kubernetes/fake_kubectl.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::HasSubstr;

// A kubectl that is a shell script, alone in $PATH with the shell's tools.
class RealKubectlTest : public FolderTest {
 protected:
  void SetUp() override {
    before_ = std::getenv("PATH");
    ::setenv("PATH", (folder_.string() + ":/usr/bin:/bin").c_str(), 1);
  }
  void TearDown() override { ::setenv("PATH", before_.c_str(), 1); }
  void write_script(const std::string& script) const {
    write_file_atomically(folder_ / "kubectl", "#!/bin/sh\n" + script);
    fs::permissions(folder_ / "kubectl", fs::perms::owner_all);
  }
  std::string before_;
};

TEST_F(RealKubectlTest, PassesArgumentsAndInput) {
  write_script("echo \"$@\"; cat; echo first >&2; echo 'Error from server (NotFound): no' >&2; exit 3\n");
  const KubectlReply reply = make_kubectl({.context = "c", .name_space = "n"})->run({"apply", "--filename=-"}, "kind: Job\n");
  EXPECT_EQ(reply.out, "--context=c --namespace=n apply --filename=-\nkind: Job\n");
  EXPECT_EQ(reply.code, 3);
  EXPECT_FALSE(reply.ok());
  EXPECT_EQ(reply.complaint(), "Error from server (NotFound): no");
}

TEST_F(RealKubectlTest, DoesNotWaitForEver) {
  write_script("sleep 100\n");
  const KubectlReply reply = make_kubectl()->run({"get", "pods"}, "", 0.1);
  EXPECT_FALSE(reply.ok());
  EXPECT_EQ(reply.complaint(), "kubectl took too long");
}

TEST_F(RealKubectlTest, SaysWhereToGetIt) {
  ::setenv("PATH", folder_.c_str(), 1);
  EXPECT_THROW(make_kubectl(), Error);
}

TEST(Kubectl, ReadsTheServersVersion) {
  FakeKubectl kubectl;
  kubectl.replies["version"] = {.out = R"({"clientVersion": {"gitVersion": "v1.33.0"},
                                           "serverVersion": {"major": "1", "minor": "27+", "gitVersion": "v1.27.3-gke.100"}})"};
  const ServerVersion version = server_version(kubectl);
  EXPECT_EQ(version.text, "v1.27.3-gke.100");
  EXPECT_TRUE(version.at_least(1, 27));
  EXPECT_FALSE(version.at_least(1, 28));
  EXPECT_FALSE(version.at_least(2, 0));
  EXPECT_THAT(kubectl.commands.at(0), HasSubstr("--request-timeout"));

  for (const KubectlReply& reply :
       {KubectlReply{.code = 1, .out = R"({"clientVersion": {}})", .err = "The connection to the server was refused\n"},
        KubectlReply{.code = 1, .out = "", .err = "The connection to the server was refused\n"},
        KubectlReply{.code = 1, .out = "not JSON", .err = "The connection to the server was refused\n"}}) {
    kubectl.replies["version"] = reply;
    EXPECT_THAT(message_of([&] { server_version(kubectl); }),
                HasSubstr("the cluster does not answer: The connection to the server was refused"));
  }
}

}  // namespace
}  // namespace tutti
