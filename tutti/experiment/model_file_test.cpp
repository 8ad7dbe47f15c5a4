#include "tutti/experiment/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tutti/base/error.h"
#include "tutti/base/files.h"

namespace tutti {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string error_of(const std::string& layers) {
  try {
    model_from_yaml("layers:\n" + layers, "model.yaml");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ModelFile, BuildsTheReferenceCnn) {
  const Model model = model_from_file(TUTTI_SOURCE_DIR "/examples/cifar10_cnn.yaml");
  EXPECT_EQ(model.count_params(), 1250858);
  EXPECT_TRUE(model.is_sequential());
  EXPECT_EQ(model.name(), "cifar10_cnn");
}

TEST(ModelFile, BuildsTheOtherExamples) {
  EXPECT_EQ(model_from_file(TUTTI_SOURCE_DIR "/examples/mnist_mlp.yaml").count_params(), 235146);
  const Model resnet = model_from_file(TUTTI_SOURCE_DIR "/examples/resnet.yaml");
  EXPECT_FALSE(resnet.is_sequential());
  EXPECT_EQ(resnet.nodes()[static_cast<std::size_t>(resnet.output_nodes().front())].shape, (Shape{-1, 10}));
}

TEST(ModelFile, TakesNamesLoneValuesAndDefaults) {
  const Model model = model_from_yaml(R"(
layers:
  - Input: [8, 8, 1]
  - max_pooling2d
  - Flatten
  - Dense: {name: head, units: 3}
  - Activation: softmax
)",
                                      "folder/tiny.yaml");
  EXPECT_EQ(model.name(), "tiny");
  EXPECT_EQ(model.layer("head").class_name(), "Dense");
  EXPECT_EQ(model.count_params(), 16 * 3 + 3);
}

TEST(ModelFile, ErrorsNameTheLine) {
  EXPECT_EQ(error_of("  - Input: [4]\n  - Dens: 3\n"), "[model.yaml:3] unknown layer 'Dens'. Did you mean Dense?");
  EXPECT_THAT(error_of("  - Dense: 3\n"), HasSubstr("must begin with an Input"));
  EXPECT_THAT(error_of("  - Input: [4]\n  - Dense: {units: 3, unit: 4}\n"), StartsWith("[model.yaml:3]"));
  EXPECT_THAT(error_of("  - Input: [4]\n  - Conv2D: 3\n"), HasSubstr("by name"));
  EXPECT_THAT(error_of("  - Input: [4]\n  - Add: {inputs: [a, b]}\n"), HasSubstr("no layer named 'a'"));
  EXPECT_THAT(error_of("  - Input: [0]\n"), HasSubstr("positive"));
  EXPECT_THAT(error_of("  - Input: {shape: [4], size: 3}\n"), HasSubstr("unknown argument 'size'"));
  EXPECT_THAT(error_of("  - Input: [4]\n  - Dense: {units: 3, name: a}\n  - Dense: {units: 3, name: a}\n"), HasSubstr("'a'"));
  EXPECT_THAT(error_of("  - Input: [4]\n  - Conv2D: {filters: 3, kernel_size: [3, 3]}\n"), StartsWith("[model.yaml:3]"));
  EXPECT_THROW(model_from_yaml("layers: 3\n", "m.yaml"), Error);
  EXPECT_THROW(model_from_yaml("", "m.yaml"), Error);
  EXPECT_THROW(model_from_file("missing.yaml"), Error);
}

}  // namespace
}  // namespace tutti
