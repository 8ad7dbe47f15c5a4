#include "tutti/experiment/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tutti/base/error.h"

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
  EXPECT_THAT(error_of("model: m\ndata: shapes\nensemble: {weights: best}"), HasSubstr("accuracy, uniform. Got 'best'"));
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

}  // namespace
}  // namespace tutti
