#include "tutti/lab/lab_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tutti/base/error.h"
#include "tutti/base/files.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::HasSubstr;
using testing::Not;

void compare(const std::string& name, const std::string& manifest) {
  const fs::path file = fs::path(TUTTI_SOURCE_DIR) / "tests/golden/manifests" / (name + ".yaml");
  if (!env("TUTTI_UPDATE_GOLDEN").empty()) write_file_atomically(file, manifest);
  ASSERT_TRUE(fs::exists(file)) << file;
  EXPECT_EQ(manifest, read_file(file)) << name;
}

LabSpec plain() {
  return {.kubernetes = {.image = "tutti-lab:0123456789ab"},
          .change_cause = "the first one",
          .owner = "jane",
          .user = 1000,
          .group = 100};
}

TEST(LabManifests, WithItsOwnClaim) { compare("lab", lab_manifests(plain())); }

TEST(LabManifests, AsInTheArticleWithAGpu) {
  LabSpec spec = plain();
  spec.name = "ml";
  spec.kubernetes.image_pull_policy = "IfNotPresent";
  spec.kubernetes.image_pull_secrets = {"registry"};
  spec.kubernetes.storage = {
      .kind = "hostPath", .server = "", .source = "/home/jupyter/ml-all", .mount = "/home/jupyter/ml-all"};
  spec.kubernetes.resources = R"({"limits":{"memory":"8Gi","nvidia.com/gpu":1}})";
  spec.kubernetes.runtime_class = "nvidia";
  spec.kubernetes.node_selector = R"({"gpu":"true"})";
  spec.node_port = true;
  spec.node_port_number = 30001;
  spec.cull_idle = 7200;
  compare("lab-gpu", lab_manifests(spec));
}

TEST(LabManifests, OnNfs) {
  LabSpec spec = plain();
  spec.kubernetes.storage = {.kind = "nfs", .server = "nas", .source = "/export/notebooks", .mount = "/mnt/tutti"};
  const std::string text = lab_manifests(spec);
  EXPECT_THAT(text, HasSubstr("server: nas"));
  EXPECT_THAT(text, Not(HasSubstr("PersistentVolumeClaim")));
}

TEST(LabManifests, TheTokenIsInTheSecretAlone) {
  EXPECT_THAT(lab_secret_manifest(plain(), "5ec2e7"), HasSubstr("token: \"5ec2e7\""));
  // Nothing of it on a command line, and nothing that a kernel inherits but the name of the file.
  EXPECT_THAT(lab_manifests(plain()), Not(HasSubstr("JUPYTER_TOKEN\n")));
  EXPECT_THAT(lab_manifests(plain()), HasSubstr("/run/secrets/tutti-lab/token"));
}

TEST(LabManifests, AnotherImageInAFileThatSomebodyEdited) {
  std::string mine = lab_manifests(plain());
  mine.insert(0, "# ours\n");
  const std::string changed = with_image(mine, "registry.example:5000/lab:2", "it's \"new\": yes");
  EXPECT_THAT(changed, HasSubstr("# ours\n"));
  EXPECT_THAT(changed, HasSubstr("image: \"registry.example:5000/lab:2\"\n"));
  EXPECT_THAT(changed, Not(HasSubstr("0123456789ab")));
  EXPECT_THAT(changed, Not(HasSubstr("the first one")));
  EXPECT_EQ(with_image(changed, "tutti-lab:0123456789ab", "the first one"), mine);
  EXPECT_THROW(with_image("kind: Pod\n", "a", "b"), Error);
}

}  // namespace
}  // namespace tutti
