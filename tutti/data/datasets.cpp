#include "tutti/data/datasets.h"

#include <fmt/ranges.h>
#include <algorithm>

#include "tutti/base/error.h"
#include "tutti/data/finders.h"
#include "tutti/data/npy.h"

namespace fs = std::filesystem;

namespace tutti::datasets {
namespace {

struct Known {
  Description description;
  TrainTest (*load)(const LoadOptions&);
  std::optional<fs::path> (*find)(const Options&);  // null: needs no file
};

const std::vector<Known>& table() {
  static const std::vector<Known> rows = {
      {{"cifar10", "60,000 colour photographs 32x32 of 10 classes (Krizhevsky 2009), 170 MB"},
       [](const LoadOptions& options) { return cifar10(options); },
       find_cifar10},
      {{"cifar100", "60,000 colour photographs 32x32 of 100 classes (Krizhevsky 2009), 169 MB"},
       [](const LoadOptions& options) { return cifar100(options); },
       find_cifar100},
      {{"mnist", "70,000 handwritten digits 28x28 (LeCun, Cortes, Burges), 12 MB"},
       [](const LoadOptions& options) { return mnist(options); },
       find_mnist},
      {{"fashion_mnist", "70,000 pictures of clothes 28x28, 10 classes (Xiao, Rasul, Vollgraf 2017), 31 MB"},
       [](const LoadOptions& options) { return fashion_mnist(options); },
       find_fashion_mnist},
      {{"shapes", "12,000 coloured shapes and textures 32x32 of 10 classes, drawn by the program: needs no download"},
       [](const LoadOptions& options) { return shapes(options.shapes); },
       nullptr},
  };
  return rows;
}

std::vector<std::string> known_names() {
  std::vector<std::string> result;
  for (const Known& known : table()) result.push_back(known.description.name);
  return result;
}

// A set of no samples like `data`.
Dataset nothing_like(const Dataset& data) { return data.take(0); }

}  // namespace

TrainTest npz(const fs::path& path) {
  std::map<std::string, Tensor> arrays = read_npz(path);
  const auto pair = [&](const std::string& x, const std::string& y) {
    const auto found = arrays.find(y);
    return Dataset::from_tensors(arrays.at(x), found == arrays.end() ? Tensor() : found->second);
  };
  if (arrays.contains("x_train") && arrays.contains("x_test")) return {pair("x_train", "y_train"), pair("x_test", "y_test")};
  if (arrays.contains("x")) {
    const Dataset data = pair("x", "y");
    return {data, nothing_like(data)};
  }
  std::vector<std::string> keys;
  for (const auto& [key, value] : arrays) keys.push_back(key);
  fail("npz", "{} has no data set. Expected arrays x_train, y_train, x_test, y_test, or x, y. Got {}.", path.string(),
       fmt::join(keys, ", "));
}

const std::vector<Description>& names() {
  static const std::vector<Description> descriptions = [] {
    std::vector<Description> result;
    for (const Known& known : table()) result.push_back(known.description);
    return result;
  }();
  return descriptions;
}

bool is_known(std::string_view name) {
  return std::any_of(names().begin(), names().end(), [&](const Description& set) { return set.name == name; });
}

TrainTest load_dataset(const std::string& name, const LoadOptions& options) {
  for (const Known& known : table())
    if (known.description.name == name) return known.load(options);
  const fs::path path(name);
  std::error_code code;
  if (!fs::exists(path, code))
    fail("data",
         "no data set of that name, and no such file. Expected {}, or the path of an image folder, .zip, .npz or .csv. Got {}.",
         fmt::join(known_names(), ", "), name);
  if (fs::is_directory(path, code)) {
    LoadOptions there = options;
    there.dir = path;
    if (fs::exists(path / "test_batch.bin", code)) return cifar10(there);
    if (fs::exists(path / "fine_label_names.txt", code)) return cifar100(there);
    return image_folder(path, options.images);
  }
  if (path.extension() == ".npz") return npz(path);
  if (path.extension() == ".zip") return image_folder(path, options.images);
  if (path.extension() == ".csv") {
    const Dataset data = csv(path, options.csv);
    return {data, nothing_like(data)};
  }
  fail("data", "unknown kind of data file. Expected a folder, .zip, .npz or .csv. Got {}.", name);
}

std::optional<fs::path> find(std::string_view name, const Options& options) {
  for (const Known& known : table())
    if (known.description.name == name) return known.find ? known.find(options) : std::nullopt;
  fail("data", "unknown data set. Expected {}. Got {}.", fmt::join(known_names(), ", "), name);
}

}  // namespace tutti::datasets
