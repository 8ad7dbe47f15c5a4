// The sets that tutti knows by name, and those it reads from a user's files.
//
// A set is looked for in Options::dir, $TUTTI_DATA, ~/.cache/tutti and ~/.keras/datasets, in this order, extracted or as
// the archive its author publishes; what is found nowhere is downloaded to the first of Options::dir, $TUTTI_DATA and
// ~/.cache/tutti that is given. Every function throws Error for a missing, damaged or truncated file, and names it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/data/dataset.h"

namespace tutti::datasets {

struct Options {
  std::filesystem::path dir;  // looked at first; empty: none
  bool download = true;
  bool progress = true;  // of a download, on display()
};

// The training set and the test set.
using TrainTest = std::pair<Dataset, Dataset>;

// 50,000 and 10,000 images (32, 32, 3), 10 classes. Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html
// Read from cifar-10-batches-bin/ or cifar-10-binary.tar.gz; or Keras's and the author's Python version
// (cifar-10-batches-py/, .tar.gz), whose pickles are read as data and never executed.
TrainTest cifar10(const Options& options = {});
// The same with 100 classes, or the 20 coarse ones. cifar-100-binary/, cifar-100-binary.tar.gz, or the Python version.
TrainTest cifar100(const Options& options = {}, bool coarse = false);
// 60,000 and 10,000 images (28, 28, 1), 10 classes. LeCun, Cortes, Burges. The four IDX files, gzip or not, in the folder, in
// mnist/ or MNIST/raw/; or Keras's mnist.npz.
TrainTest mnist(const Options& options = {});
// Like mnist, clothes. Xiao, Rasul, Vollgraf 2017. In fashion-mnist/, fashion_mnist/ or FashionMNIST/raw/.
TrainTest fashion_mnist(const Options& options = {});

struct ShapesOptions {
  std::int64_t n_train = 10000, n_test = 2000;
  std::uint64_t seed = 0;
};
// Images (32, 32, 3) that the program draws: 10 classes of shapes and textures, of any position, size, angle and colour, on
// textured backgrounds, partly hidden, noisy, of low contrast. Integer arithmetic only, so that the same seed gives the same
// bytes on any machine; sample i does not depend on how many there are. Error for a negative number of samples.
TrainTest shapes(const ShapesOptions& options = {});

struct ImageFolderOptions {
  std::int64_t height = 0, width = 0;  // resize to this, bilinear; 0: all images must be as large as the first one
  int channels = 3;                    // 3 or 1
};
// JPEG and PNG images in one folder a class, in the order of the names: `path` is a folder or a zip file. If it has folders
// train/ and test/, these are the two sets; else everything is in the first and the second is empty. Images (h, w, c).
TrainTest image_folder(const std::filesystem::path& path, const ImageFolderOptions& options = {});

// JPEG and PNG images without classes, in the order of their paths: every one in `path` and the folders below it, or `path`
// itself if it is one. `names`: their paths within `path`. Error if there are none.
struct NamedImages {
  Dataset data;  // uint8 (h, w, c)
  std::vector<std::string> names;
};
NamedImages unlabelled_images(const std::filesystem::path& path, const ImageFolderOptions& options = {});

struct CsvOptions {
  std::string label_column;  // its name in the header line, or its number from 0; empty: the last column
  bool regression = false;   // true: the label is a float target (n, 1)
  char separator = ',';
};
// Numbers, x float32 (n, columns - 1). The first line is a header if a feature in it is no number. Labels that are all
// integers from 0 to 9999 are class indices; others are class names, numbered in alphabetical order.
Dataset csv(const std::filesystem::path& path, const CsvOptions& options = {});

// x_train, y_train, x_test, y_test of an .npz file, or x and y (then the second set is empty), or only x.
TrainTest npz(const std::filesystem::path& path);

struct Description {
  std::string name, text;
};
// The sets that load_dataset() knows by name.
const std::vector<Description>& names();
bool is_known(std::string_view name);

struct LoadOptions : Options {
  ShapesOptions shapes;
  ImageFolderOptions images;
  CsvOptions csv;
};
// One of names(), or the path of an image folder, a zip of one, an .npz or .csv file, or a folder cifar-10-batches-bin.
TrainTest load_dataset(const std::string& name, const LoadOptions& options = {});

// Where a named set lies on this machine, or nothing if it would have to be downloaded; "shapes" is nowhere and needs no
// file. Error for an unknown name.
std::optional<std::filesystem::path> find(std::string_view name, const Options& options = {});

}  // namespace tutti::datasets
