#include "tutti/data/cifar.h"

#include <algorithm>
#include <filesystem>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/parallel.h"
#include "tutti/data/archive.h"
#include "tutti/data/datasets.h"
#include "tutti/data/fetch.h"
#include "tutti/data/finders.h"
#include "tutti/data/python_batch.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

constexpr std::int64_t kPlane = 32 * 32, kImage = 3 * kPlane;
constexpr std::int64_t kTrain = 50000, kTest = 10000;
// The largest file of a set, CIFAR-100's training batch, is 154 MB.
constexpr std::uint64_t kMaxFileBytes = 200'000'000;

// (3, 32, 32) to (32, 32, 3).
void interleave(const char* planes, std::uint8_t* image) {
  for (std::int64_t i = 0; i < kPlane; ++i)
    for (std::int64_t c = 0; c < 3; ++c) image[i * 3 + c] = static_cast<std::uint8_t>(planes[c * kPlane + i]);
}

void store_label(std::int64_t label, std::int64_t classes, std::int64_t record, std::string_view name, std::int32_t& to) {
  if (label < 0 || label >= classes)
    fail("cifar", "{} is damaged at record {}. Expected a label below {}. Got {}.", name, record, classes, label);
  to = static_cast<std::int32_t>(label);
}

}  // namespace

void read_cifar_records(std::string_view bytes, const CifarRecords& layout, std::string_view name,
                        std::span<std::uint8_t> images, std::span<std::int32_t> labels) {
  const std::int64_t record = layout.label_bytes + kImage;
  const auto rows = static_cast<std::int64_t>(labels.size());
  if (bytes.size() != static_cast<std::size_t>(rows * record))
    fail("cifar", "{} has a wrong size. Expected {} bytes ({} records of {}). Got {}.", name, rows * record, rows, record,
         bytes.size());
  constexpr std::int64_t kGrain = 1000;
  parallel_for(0, rows, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const char* from = bytes.data() + i * record;
      store_label(static_cast<unsigned char>(from[layout.label_index]), layout.classes, i, name,
                  labels[static_cast<std::size_t>(i)]);
      interleave(from + layout.label_bytes, images.data() + i * kImage);
    }
  });
}

void read_cifar_pickle(std::string_view bytes, std::string_view label_key, std::int64_t classes, std::string_view name,
                       std::span<std::uint8_t> images, std::span<std::int32_t> labels) {
  const PythonBatch batch = read_python_batch(bytes, label_key, name);
  if (batch.labels.size() != labels.size())
    fail("cifar", "{} has a wrong number of records. Expected {}. Got {}.", name, labels.size(), batch.labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    store_label(batch.labels[i], classes, static_cast<std::int64_t>(i), name, labels[i]);
    interleave(batch.pixels.data() + i * kImage, images.data() + i * kImage);
  }
}

namespace datasets {
namespace {

struct File {
  std::string name;
  std::int64_t begin, count;  // rows of the training set, or of the test set after it
};
struct Form {
  bool pickled = false;
  std::string folder;                 // of the extracted files
  std::vector<std::string> archives;  // file names under which a .tar.gz is known
  std::vector<File> files;
};
struct Cifar {
  std::string name;
  Form binary, python;
  CifarRecords records;
  std::string label_key;
  std::vector<std::string> class_names;
  Download download;
};

std::vector<File> five_batches(const std::string& suffix) {
  std::vector<File> files;
  for (int i = 1; i <= 5; ++i) files.push_back({fmt::format("data_batch_{}{}", i, suffix), (i - 1) * 10000, 10000});
  files.push_back({"test_batch" + suffix, kTrain, kTest});
  return files;
}

const std::vector<std::string>& fine_names() {
  static const std::vector<std::string> names = {
      "apple",       "aquarium_fish", "baby",         "bear",         "beaver",     "bed",        "bee",       "beetle",
      "bicycle",     "bottle",        "bowl",         "boy",          "bridge",     "bus",        "butterfly", "camel",
      "can",         "castle",        "caterpillar",  "cattle",       "chair",      "chimpanzee", "clock",     "cloud",
      "cockroach",   "couch",         "crab",         "crocodile",    "cup",        "dinosaur",   "dolphin",   "elephant",
      "flatfish",    "forest",        "fox",          "girl",         "hamster",    "house",      "kangaroo",  "keyboard",
      "lamp",        "lawn_mower",    "leopard",      "lion",         "lizard",     "lobster",    "man",       "maple_tree",
      "motorcycle",  "mountain",      "mouse",        "mushroom",     "oak_tree",   "orange",     "orchid",    "otter",
      "palm_tree",   "pear",          "pickup_truck", "pine_tree",    "plain",      "plate",      "poppy",     "porcupine",
      "possum",      "rabbit",        "raccoon",      "ray",          "road",       "rocket",     "rose",      "sea",
      "seal",        "shark",         "shrew",        "skunk",        "skyscraper", "snail",      "snake",     "spider",
      "squirrel",    "streetcar",     "sunflower",    "sweet_pepper", "table",      "tank",       "telephone", "television",
      "tiger",       "tractor",       "train",        "trout",        "tulip",      "turtle",     "wardrobe",  "whale",
      "willow_tree", "wolf",          "woman",        "worm"};
  return names;
}

const std::vector<std::string>& coarse_names() {
  static const std::vector<std::string> names = {"aquatic_mammals",
                                                 "fish",
                                                 "flowers",
                                                 "food_containers",
                                                 "fruit_and_vegetables",
                                                 "household_electrical_devices",
                                                 "household_furniture",
                                                 "insects",
                                                 "large_carnivores",
                                                 "large_man-made_outdoor_things",
                                                 "large_natural_outdoor_scenes",
                                                 "large_omnivores_and_herbivores",
                                                 "medium_mammals",
                                                 "non-insect_invertebrates",
                                                 "people",
                                                 "reptiles",
                                                 "small_mammals",
                                                 "trees",
                                                 "vehicles_1",
                                                 "vehicles_2"};
  return names;
}

Cifar describe_cifar10() {
  return {"cifar10",
          {false, "cifar-10-batches-bin", {"cifar-10-binary.tar.gz"}, five_batches(".bin")},
          {true,
           "cifar-10-batches-py",
           {"cifar-10-batches-py.tar.gz", "cifar-10-python.tar.gz", "cifar-10-batches-py-target.tar.gz"},
           five_batches("")},
          {1, 0, 10},
          "labels",
          {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
          {"cifar-10-binary.tar.gz",
           "c32a1d4ab5d03f1284b67883e8d87530",
           {"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"}}};
}

Cifar describe_cifar100(bool coarse) {
  return {"cifar100",
          {false, "cifar-100-binary", {"cifar-100-binary.tar.gz"}, {{"train.bin", 0, kTrain}, {"test.bin", kTrain, kTest}}},
          {true,
           "cifar-100-python",
           {"cifar-100-python.tar.gz", "cifar-100-python-target.tar.gz"},
           {{"train", 0, kTrain}, {"test", kTrain, kTest}}},
          {2, coarse ? 0 : 1, coarse ? 20 : 100},
          coarse ? "coarse_labels" : "fine_labels",
          coarse ? coarse_names() : fine_names(),
          {"cifar-100-binary.tar.gz",
           "03b5dce01913d631647c71ecec9e9cb8",
           {"https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"}}};
}

struct Found {
  fs::path path;
  const Form* form;
  bool is_archive;
};

bool is_there(const fs::path& path) {
  std::error_code code;
  return fs::exists(path, code);
}

std::optional<Found> find_cifar(const Cifar& set, const Options& options) {
  for (const fs::path& folder : data_folders(options)) {
    for (const Form* form : {&set.binary, &set.python}) {
      // Keras 3 extracts to <archive>-target/<folder>. The folder itself may be given too; a damaged one is found all the
      // same, so that the user hears of it.
      for (const fs::path& candidate : {folder / form->folder, folder / (form->folder + "-target") / form->folder, folder})
        if (is_there(candidate / form->files.front().name) || is_there(candidate / form->files.back().name))
          if (candidate != folder || folder.filename() == form->folder || !form->pickled) return Found{candidate, form, false};
      for (const std::string& archive : form->archives)
        if (is_there(folder / archive)) return Found{folder / archive, form, true};
    }
  }
  return std::nullopt;
}

TrainTest read_cifar(const Cifar& set, const Found& found) {
  Tensor train_x({kTrain, 32, 32, 3}, DType::kUInt8), test_x({kTest, 32, 32, 3}, DType::kUInt8);
  Tensor train_y({kTrain}, DType::kInt32), test_y({kTest}, DType::kInt32);
  const auto take = [&](const File& file, std::string_view bytes, const std::string& name) {
    const bool is_test = file.begin >= kTrain;
    const std::int64_t begin = is_test ? file.begin - kTrain : file.begin;
    Tensor x = (is_test ? test_x : train_x).rows(begin, begin + file.count);
    Tensor y = (is_test ? test_y : train_y).rows(begin, begin + file.count);
    if (found.form->pickled)
      read_cifar_pickle(bytes, set.label_key, set.records.classes, name, x.data<std::uint8_t>(), y.data<std::int32_t>());
    else
      read_cifar_records(bytes, set.records, name, x.data<std::uint8_t>(), y.data<std::int32_t>());
  };
  std::vector<File> missing = found.form->files;
  const auto wanted = [&](const std::string& name) {
    return std::find_if(missing.begin(), missing.end(),
                        [&](const File& file) { return fs::path(name).filename() == file.name; });
  };
  if (found.is_archive) {
    read_tar_gz(found.path, {[&](const std::string& name) { return wanted(name) != missing.end(); },
                             [&](const std::string& name, const std::string& content) {
                               const auto file = wanted(name);
                               take(*file, content, found.path.string() + ":" + name);
                               missing.erase(file);
                             },
                             kMaxFileBytes});
  } else {
    std::erase_if(missing, [&](const File& file) {
      const fs::path path = found.path / file.name;
      if (!is_there(path)) return false;
      take(file, read_file(path, kMaxFileBytes), path.string());
      return true;
    });
  }
  if (!missing.empty()) fail(set.name, "{} has no file {}.", found.path.string(), missing.front().name);
  return {Dataset::from_tensors(train_x, train_y, set.class_names), Dataset::from_tensors(test_x, test_y, set.class_names)};
}

TrainTest load_cifar(const Cifar& set, const Options& options) {
  if (const auto found = find_cifar(set, options)) return read_cifar(set, *found);
  const fs::path folder = download_folder(options);
  if (!options.download)
    fail(set.name, "the data set is not on this machine. Put {} into {}; it is published at {}.", set.download.file,
         folder.string(), set.download.urls.front());
  fetch(set.download, folder, options.progress);
  return read_cifar(set, {folder / set.download.file, &set.binary, true});
}

std::optional<fs::path> path_of(const std::optional<Found>& found) { return found ? std::optional(found->path) : std::nullopt; }

}  // namespace

TrainTest cifar10(const Options& options) { return load_cifar(describe_cifar10(), options); }
TrainTest cifar100(const Options& options, bool coarse) { return load_cifar(describe_cifar100(coarse), options); }

std::optional<fs::path> find_cifar10(const Options& options) { return path_of(find_cifar(describe_cifar10(), options)); }
std::optional<fs::path> find_cifar100(const Options& options) { return path_of(find_cifar(describe_cifar100(false), options)); }

}  // namespace datasets
}  // namespace tutti
