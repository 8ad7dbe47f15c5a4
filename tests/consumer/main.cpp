// What a user's own program looks like: find_package(tutti), one include.
#include <tutti/tutti.h>

#include <iostream>

using namespace tutti;

int main() {
  auto [train, test] = datasets::shapes({.n_train = 64, .n_test = 32});
  Sequential model({Input({32, 32, 3}), Rescaling(1.0 / 255), Conv2D(4, {3, 3}, {.activation = "relu"}), MaxPooling2D({4, 4}),
                    Flatten(), Dense(10, {.activation = "softmax"})});
  model.compile({.optimizer = Adam(), .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  const History history = model.fit(train, {.batch_size = 16, .epochs = 2, .verbose = 0});
  std::cout << "loss " << history.values("loss").back() << "\n";
  return history.epoch.size() == 2 ? 0 : 1;
}
