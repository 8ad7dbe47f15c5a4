// A small residual network on CIFAR-10, with the functional API, augmentation and a cosine schedule.
//
//   build/release/bin/example_resnet [EPOCHS]
#include <cstdlib>
#include <exception>
#include <iostream>

#include "tutti/tutti.h"

using namespace tutti;

// Two 3x3 convolutions beside a shortcut, which is projected where the shape changes. He et al. 2015, arXiv:1512.03385.
Symbol residual_block(Symbol x, int filters, int stride) {
  const Conv2DOptions conv{
      .strides = {stride, stride}, .padding = "same", .use_bias = false, .kernel_initializer = "he_normal"};
  Symbol y = Conv2D(filters, {3, 3}, conv)(x);
  y = ReLU()(BatchNormalization()(y));
  y = Conv2D(filters, {3, 3}, {.padding = "same", .use_bias = false, .kernel_initializer = "he_normal"})(y);
  y = BatchNormalization()(y);
  if (stride != 1 || x.shape()[-1] != filters) x = BatchNormalization()(Conv2D(filters, {1, 1}, conv)(x));
  return ReLU()(Add()({x, y}));
}

int main(int argc, char** argv) try {
  const int epochs = argc > 1 ? std::atoi(argv[1]) : 30;
  auto [train, test] = datasets::cifar10();
  const Symbol input = Input({32, 32, 3});
  Symbol x = Conv2D(16, {3, 3},
                    {.padding = "same", .use_bias = false, .kernel_initializer = "he_normal"})(Rescaling(1.0 / 255)(input));
  x = ReLU()(BatchNormalization()(x));
  for (const int filters : {16, 32, 64}) {
    x = residual_block(x, filters, filters == 16 ? 1 : 2);
    x = residual_block(x, filters, 1);
  }
  x = Dense(10, {.activation = "softmax", .kernel_regularizer = L2(1e-4)})(GlobalAveragePooling2D()(x));
  Model model(input, x, "resnet14");
  model.summary();
  model.compile({.optimizer = SGD({.momentum = 0.9, .nesterov = true}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  model.fit(train, {.batch_size = 128,
                    .epochs = epochs,
                    .validation_split = 0.1,
                    .augmentations = {make_augmentation("random_flip"), make_augmentation("random_crop")},
                    .callbacks = {LearningRateScheduler(cosine_decay(0.1, epochs)), CSVLogger("resnet.csv")}});
  std::cout << "Test accuracy: " << model.evaluate(test).at("accuracy") << "\n";
  model.save("resnet.h5");
  return 0;
} catch (const std::exception& error) {
  std::cerr << "resnet: " << error.what() << "\n";
  return 1;
}
