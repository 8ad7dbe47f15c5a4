// The CNN of both articles on CIFAR-10: trains, keeps the best weights, saves a Keras file.
//
//   build/release/bin/example_cifar10_cnn [EPOCHS]        TUTTI_ENGINE=native|onednn|torch|reference picks the engine
#include <cstdlib>
#include <exception>
#include <iostream>

#include "tutti/tutti.h"

using namespace tutti;

int main(int argc, char** argv) try {
  const int epochs = argc > 1 ? std::atoi(argv[1]) : 50;
  auto [train, test] = datasets::cifar10();
  auto [holdout, rest] = test.split_at(100);  // the first 100 test images are for the ensemble's prediction
  auto [fitted, valid] = train.split_at(train.size() * 9 / 10);

  Sequential model({
      Input({32, 32, 3}),
      Rescaling(1.0 / 255),
      Conv2D(32, {3, 3}, {.padding = "same", .activation = "relu"}),
      Conv2D(32, {3, 3}, {.activation = "relu"}),
      MaxPooling2D({2, 2}),
      Dropout(0.25),
      Conv2D(64, {3, 3}, {.padding = "same", .activation = "relu"}),
      Conv2D(64, {3, 3}, {.activation = "relu"}),
      MaxPooling2D({2, 2}),
      Dropout(0.25),
      Flatten(),
      Dense(512, {.activation = "relu"}),
      Dropout(0.5),
      Dense(10, {.activation = "softmax"}),
  });
  model.summary();
  model.compile({.optimizer = Adam(), .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  model.fit(fitted, {.batch_size = 32,
                     .epochs = epochs,
                     .validation = valid,
                     .callbacks = {ModelCheckpoint("weights.{epoch:02d}-{val_loss:.2f}.h5", {.save_best_only = true}),
                                   EarlyStopping({.patience = 3, .restore_best_weights = true})}});
  const Logs score = model.evaluate(rest);
  std::cout << "Test loss: " << score.at("loss") << "\nTest accuracy: " << score.at("accuracy") << "\n";
  model.save("cifar10_cnn.h5");
  return 0;
} catch (const std::exception& error) {
  std::cerr << "cifar10_cnn: " << error.what() << "\n";
  return 1;
}
