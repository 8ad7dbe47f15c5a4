// A multi-layer perceptron on MNIST.
//
//   build/release/bin/example_mnist_mlp [EPOCHS]
#include <cstdlib>
#include <exception>
#include <iostream>

#include "tutti/tutti.h"

using namespace tutti;

int main(int argc, char** argv) try {
  const int epochs = argc > 1 ? std::atoi(argv[1]) : 10;
  auto [train, test] = datasets::mnist();
  Sequential model({
      Input({28, 28, 1}),
      Rescaling(1.0 / 255),
      Flatten(),
      Dense(256, {.activation = "relu"}),
      Dropout(0.2),
      Dense(128, {.activation = "relu"}),
      Dropout(0.2),
      Dense(10, {.activation = "softmax"}),
  });
  model.summary();
  model.compile({.optimizer = Adam(), .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  model.fit(train, {.batch_size = 128,
                    .epochs = epochs,
                    .validation_split = 0.1,
                    .callbacks = {EarlyStopping({.patience = 3, .restore_best_weights = true})}});
  std::cout << "Test accuracy: " << model.evaluate(test).at("accuracy") << "\n";
  model.save("mnist_mlp.h5");
  return 0;
} catch (const std::exception& error) {
  std::cerr << "mnist_mlp: " << error.what() << "\n";
  return 1;
}
