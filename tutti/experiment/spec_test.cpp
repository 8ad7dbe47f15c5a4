#include "tutti/experiment/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"

namespace tutti {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const std::string& text, const Overrides& overrides = {}) {
  try {
    parse_spec(text, "spec.yaml", overrides);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

constexpr const char* kSmall = "model: m.yaml\ndata: shapes\n";

TEST(Spec, ReadsTheDesignsExample) {
  const Spec spec = parse_spec(R"(
name: cifar10-cnn
model: cifar10_cnn.yaml
data: {name: cifar10, holdout: 100, validation: 0.1, augmentation: [random_flip, {random_crop: {padding: 2}}]}
fit: {batch_size: 64, epochs: 50, early_stopping: {patience: 3}, optimizer: {name: sgd, momentum: 0.9}}
members: {engine: [native, onednn, torch], seed: [1]}
ensemble: {weights: accuracy}
)",
                               "/somewhere/spec.yaml");
  EXPECT_EQ(spec.name, "cifar10-cnn");
  EXPECT_EQ(spec.model, "/somewhere/cifar10_cnn.yaml");
  EXPECT_EQ(spec.data.name, "cifar10");
  EXPECT_EQ(spec.data.holdout, 100);
  ASSERT_EQ(spec.data.augmentation.size(), 2u);
  EXPECT_EQ(spec.data.augmentation[1].parameters().at("padding"), 2);
  EXPECT_EQ(spec.fit.batch_size, 64);
  EXPECT_EQ(spec.fit.early_stopping->patience, 3);
  EXPECT_TRUE(spec.fit.early_stopping->restore_best_weights);
  EXPECT_EQ(spec.fit.optimizer.name, "sgd");
  EXPECT_EQ(spec.fit.optimizer.config, R"({"momentum":0.9})");
  ASSERT_EQ(spec.members.size(), 2u);
  EXPECT_THAT(spec.members[0].values, ElementsAre("native", "onednn", "torch"));
}

TEST(Spec, NamesItselfAfterItsFile) { EXPECT_EQ(parse_spec(kSmall, "a/mnist.yaml").name, "mnist"); }

TEST(Spec, RefusesAnUnknownKeyWithTheNearestOneAndItsLine) {
  EXPECT_EQ(error_of("model: m.yaml\ndata: shapes\nfit:\n  epoch: 3\n"),
            "[spec.yaml:4] unknown key 'epoch' in fit. Did you mean 'epochs'?");
  EXPECT_EQ(error_of("modle: m.yaml\nmodel: m.yaml\ndata: shapes\n"),
            "[spec.yaml:1] unknown key 'modle'. Did you mean 'model'?");
  EXPECT_THAT(error_of("model: m\ndata: {name: shapes, zzzzzz: 1}"), HasSubstr("Known keys: name, dir"));
  EXPECT_THAT(error_of("model: m\ndata: shapes\nfit: {early_stopping: {patiense: 1}}"), HasSubstr("'patience'"));
}

TEST(Spec, SaysWhatIsWrongWithAValue) {
  EXPECT_EQ(error_of("model: m\ndata: shapes\nfit:\n  epochs: many\n"),
            "[spec.yaml:4] fit.epochs: must be a whole number. Got 'many'.");
  EXPECT_THAT(error_of("model: m\ndata: shapes\nfit: {epochs: 0}"), HasSubstr("fit.epochs: must be positive. Got 0."));
  EXPECT_THAT(error_of("model: m\ndata: shapes\nfit: {epochs: 1, epochs: 2}"), HasSubstr("'fit.epochs' stands twice"));
  EXPECT_THAT(error_of("model: m\ndata: shapes\nfit: {seed: -1}"), HasSubstr("not negative"));
  EXPECT_THAT(error_of("model: m\ndata: shapes\nfit: [1]"), HasSubstr("fit must be a mapping"));
  EXPECT_THAT(error_of("model: m\ndata: shapes\nensemble: {weights: best}"),
              HasSubstr("uniform, accuracy, likelihood, greedy. Got 'best'"));
  EXPECT_THAT(error_of("model: m\ndata: shapes\nmembers: {seed: []}"), HasSubstr("empty list"));
  EXPECT_THAT(error_of("model: m\ndata: {name: shapes, augmentation: [random_flop]}"), HasSubstr("[spec.yaml:2]"));
  EXPECT_THAT(error_of("data: shapes"), HasSubstr("model is missing"));
  EXPECT_THAT(error_of("model: m"), HasSubstr("data is missing"));
  EXPECT_THAT(error_of("model: m\ndata: {dir: x}"), HasSubstr("data.name is missing"));
  EXPECT_THAT(error_of("name: ../x\nmodel: m\ndata: shapes"), HasSubstr("letters, digits"));
  EXPECT_THAT(error_of("model: [\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(error_of("- a\n"), HasSubstr("not an experiment"));
  EXPECT_THAT(error_of(""), HasSubstr("not an experiment"));
}

TEST(Spec, TakesOverrides) {
  const Spec spec = parse_spec(kSmall, "spec.yaml",
                               {{"fit.epochs", "2"},
                                {"data.limit", "4000"},
                                {"members.engine", "[native, torch]"},
                                {"fit.optimizer.momentum", "0.9"},
                                {"fit.optimizer.name", "sgd"}});
  EXPECT_EQ(spec.fit.epochs, 2);
  EXPECT_EQ(spec.data.name, "shapes");
  EXPECT_EQ(spec.data.limit, 4000);
  EXPECT_THAT(spec.members.at(0).values, ElementsAre("native", "torch"));
  EXPECT_EQ(spec.fit.optimizer.name, "sgd");
  EXPECT_EQ(error_of(kSmall, {{"fit.epohcs", "2"}}), "[--set fit.epohcs] unknown key 'epohcs' in fit. Did you mean 'epochs'?");
  EXPECT_THAT(error_of(kSmall, {{"fit.epochs", "x"}}), HasSubstr("[--set fit.epochs]"));
  EXPECT_EQ(parse_override("a.b=c=d"), (std::pair<std::string, std::string>("a.b", "c=d")));
  EXPECT_THROW(parse_override("epochs"), Error);
  EXPECT_THROW(parse_override("=1"), Error);
}

TEST(Spec, ItsDocumentReadsAsTheSameSpec) {
  const Spec first = parse_spec(kSmall, "/a/spec.yaml", {{"fit.epochs", "7"}});
  const Spec second = parse_spec(first.document, "/elsewhere/x.yaml");
  EXPECT_EQ(second.name, "spec");
  EXPECT_EQ(second.model, "/a/m.yaml");
  EXPECT_EQ(second.fit.epochs, 7);
  EXPECT_EQ(second.document, first.document);
}

TEST(Spec, SwitchesCallbacksOnAndOff) {
  const auto fit = [](const std::string& text) { return parse_spec(std::string(kSmall) + text, "s.yaml").fit; };
  EXPECT_FALSE(fit("").early_stopping);
  EXPECT_TRUE(fit("fit: {early_stopping: true}").early_stopping);
  EXPECT_FALSE(fit("fit: {early_stopping: false}").early_stopping);
  EXPECT_EQ(fit("fit: {reduce_lr: {factor: 0.5}}").reduce_lr->factor, 0.5);
  EXPECT_FALSE(fit("fit: {checkpoint: false}").checkpoint.enabled);
  EXPECT_EQ(fit("fit: {checkpoint: {keep: 5}}").checkpoint.keep, 5);
  EXPECT_EQ(fit("fit: {schedule: cosine}").schedule.kind, "cosine");
  EXPECT_DOUBLE_EQ(parse_spec("model: m\ndata: {name: shapes, scale: 1/255}", "s.yaml").data.scale, 1.0 / 255);
}

TEST(Spec, ReadsHowTheEnsembleAndTheRunAreMade) {
  const Spec spec = parse_spec(
      std::string(kSmall) + "ensemble: {weights: greedy, temperature: both, grow: true}\nrun: {retries: 2, deadline: 90m}",
      "s.yaml");
  EXPECT_EQ(spec.ensemble.weights, WeightRule::kGreedy);
  EXPECT_TRUE(spec.ensemble.calibrate_members && spec.ensemble.calibrate_ensemble);
  EXPECT_TRUE(spec.grow);
  EXPECT_EQ(spec.run.retries, 2);
  EXPECT_EQ(spec.run.deadline, 5400);
  EXPECT_EQ(parse_spec(std::string(kSmall) + "run: {deadline: 30}", "s.yaml").run.deadline, 30);
  for (const char* bad : {"-1", "0", "soon", "5 parsecs", "{}"})
    EXPECT_THAT(error_of(std::string(kSmall) + "run: {deadline: " + bad + "}"), HasSubstr("run.deadline")) << bad;
  EXPECT_THAT(error_of(std::string(kSmall) + "run: {retries: -1}"), HasSubstr("must not be negative"));
  EXPECT_THAT(error_of(std::string(kSmall) + "ensemble: {temperature: hot}"), HasSubstr("none, members, ensemble, both"));
}

TEST(Spec, IsAModelOrAProgramOrATrainedModel) {
  EXPECT_THAT(error_of("model: m\ncommand: [a]\ndata: shapes"), HasSubstr("expected one of model, command and trained"));
  EXPECT_THAT(error_of("command: python3 a.py\ndata: shapes"), HasSubstr("a list of words"));
  EXPECT_THAT(error_of("command: [a]\nenv: {A: [1]}\ndata: shapes"), HasSubstr("A must be a text or a number"));
  EXPECT_THAT(error_of("command: [a]\noutput: a/b.h5\ndata: shapes"), HasSubstr("name of a file"));
  const Spec spec = parse_spec("command: train\nenv: {KERAS_BACKEND: theano, N: 1}\ndata: shapes", "s.yaml");
  EXPECT_THAT(spec.program.command, ElementsAre("train"));
  EXPECT_EQ(spec.program.environment[1], (std::pair<std::string, std::string>("N", "1")));
}

TEST(Spec, ReadsTheKubernetesSection) {
  const KubernetesSpec none = parse_spec(kSmall, "s.yaml").kubernetes;
  EXPECT_THAT(none.image, testing::StartsWith("tutti:"));
  EXPECT_EQ(none.storage.kind, "");
  const KubernetesSpec spec = parse_spec(std::string(kSmall) + R"(
kubernetes:
  image: registry/tutti:1
  namespace: ml
  layout: indexed
  storage: {nfs: {server: nas, path: /export}}
  resources: {limits: {cpu: 500m, memory: 1Gi, nvidia.com/gpu: 1}}
  nodeSelector: {gpu: true, zone: a}
  tolerations: [{key: k, operator: Equal, value: 1}]
  imagePullSecrets: one
  backoffLimit: 0
)",
                                         "s.yaml")
                                  .kubernetes;
  EXPECT_EQ(spec.name_space, "ml");
  EXPECT_EQ(spec.storage.kind, "nfs");
  EXPECT_EQ(spec.storage.server, "nas");
  EXPECT_EQ(spec.storage.mount, "/mnt/tutti");
  EXPECT_EQ(spec.resources, R"({"limits":{"cpu":"500m","memory":"1Gi","nvidia.com/gpu":1}})");
  EXPECT_EQ(spec.node_selector, R"({"gpu":"true","zone":"a"})");
  EXPECT_EQ(spec.tolerations, R"([{"key":"k","operator":"Equal","value":"1"}])");
  EXPECT_EQ(spec.image_pull_secrets.size(), 1u);
  EXPECT_EQ(spec.backoff_limit, 0);
  for (const char* storage :
       {"{hostPath: /srv/x/}", "{hostPath: {path: /srv/x}}", "{persistentVolumeClaim: {claimName: c}, mountPath: /srv/x}"})
    EXPECT_EQ(parse_spec(std::string(kSmall) + "kubernetes: {storage: " + storage + "}", "s.yaml").kubernetes.storage.mount,
              "/srv/x");
}

TEST(Spec, RefusesMistakesInTheKubernetesSection) {
  const auto error = [](const std::string& section) { return error_of(std::string(kSmall) + "kubernetes: " + section); };
  EXPECT_THAT(error("{storage: {hostPath: srv}}"), HasSubstr("must be an absolute path. Got 'srv'"));
  EXPECT_THAT(error("{storage: {}}"), HasSubstr("expected one of hostPath, nfs and persistentVolumeClaim. Got none"));
  EXPECT_THAT(error("{storage: {hostPath: /a, nfs: {server: s, path: /p}}}"), HasSubstr("Got several"));
  EXPECT_THAT(error("{storage: {nfs: {path: /p}}}"), HasSubstr("Got no server"));
  EXPECT_THAT(error("{storage: {hostPath: /}}"), HasSubstr("must be a folder of its own"));
  EXPECT_THAT(error("{storage: {hostPath: /a, mountPath: /tmp}}"), HasSubstr("must be a folder of its own"));
  EXPECT_THAT(error("{resources: {limit: {cpu: 1}}}"), HasSubstr("Got 'limit'"));
  EXPECT_THAT(error("{nodeSelector: [a]}"), HasSubstr("must be a mapping"));
  EXPECT_THAT(error("{tolerations: {a: b}}"), HasSubstr("must be a list of mappings"));
  EXPECT_THAT(error("{layout: job}"), HasSubstr("expected one of jobs, indexed. Got 'job'"));
  EXPECT_THAT(error("{runAsUser: 0}"), HasSubstr("must not be root"));
  EXPECT_THAT(error("{backoffLimit: -1}"), HasSubstr("must not be negative"));
}

// The keys that the parser knows in the mapping at a dotted path, from its own words.
std::set<std::string> known_keys(const std::string& path) {
  std::string text = path.empty() ? "zzzzzzzzzzzz: 1" : "{zzzzzzzzzzzz: 1}";
  for (std::size_t end = path.size(); end != 0;) {
    const std::size_t dot = path.rfind('.', end - 1);
    const std::size_t begin = dot == std::string::npos ? 0 : dot + 1;
    text = path.substr(begin, end - begin) + ": " + text;
    end = dot == std::string::npos ? 0 : dot;
    if (end != 0) text = "{" + text + "}";
  }
  const std::string error = error_of("model: m\n" + text + "\n");
  const std::string_view start = "Known keys: ";
  const std::size_t begin = error.find(start);
  EXPECT_NE(begin, std::string::npos) << path << ": " << error;
  std::set<std::string> keys;
  std::istringstream words(error.substr(begin + start.size()));
  for (std::string word; words >> word;) keys.insert(word.substr(0, word.find_first_of(",.")));
  return keys;
}

// Compares every mapping of the schema that takes no other keys.
void compare_with_schema(const nlohmann::json& node, const std::string& path, int& mappings) {
  if (node.contains("anyOf"))
    for (const auto& option : node.at("anyOf")) compare_with_schema(option, path, mappings);
  if (!node.contains("properties") || node.value("additionalProperties", nlohmann::json()) != false) return;
  ++mappings;
  std::set<std::string> keys;
  for (const auto& [key, value] : node.at("properties").items()) {
    keys.insert(key);
    compare_with_schema(value, path.empty() ? key : path + "." + key, mappings);
  }
  EXPECT_EQ(keys, known_keys(path)) << "in " << path;
}

TEST(Spec, TheSchemaKnowsTheSameKeys) {
  const auto schema = nlohmann::json::parse(read_file(TUTTI_SOURCE_DIR "/docs/formats/experiment.schema.json"));
  int mappings = 0;
  compare_with_schema(schema, "", mappings);
  EXPECT_EQ(mappings, 14);
}

}  // namespace
}  // namespace tutti
