#include <array>
#include <cstring>
#include <map>

#include "tutti/base/error.h"
#include "tutti/data/archive.h"
#include "tutti/data/fetch.h"
#include "tutti/data/finders.h"
#include "tutti/data/idx.h"
#include "tutti/data/npy.h"

namespace fs = std::filesystem;

namespace tutti {

Tensor parse_idx(std::string_view bytes, std::string_view name) {
  constexpr std::uint32_t kUnsignedByte = 0x08;
  constexpr std::uint32_t kMaxRank = 4;
  const auto word = [&](std::size_t index) {
    std::uint32_t value = 0;
    if (bytes.size() < index * 4 + 4) fail("idx", "{} is truncated inside its header.", name);
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[index * 4 + i]);
    return value;
  };
  const std::uint32_t magic = word(0), rank = magic & 0xFF;
  if (magic >> 8 != kUnsignedByte || rank == 0 || rank > kMaxRank)
    fail("idx", "{} is not an IDX file of bytes. Expected magic 0x0000080n. Got 0x{:08x}.", name, magic);
  std::vector<std::int64_t> extents;
  std::uint64_t elements = 1;
  for (std::uint32_t axis = 0; axis < rank; ++axis) {
    extents.push_back(word(axis + 1));
    if (__builtin_mul_overflow(elements, std::uint64_t{word(axis + 1)}, &elements))
      fail("idx", "{} has a damaged header: its shape is too large.", name);
  }
  const std::size_t header_bytes = 4 + 4 * std::size_t{rank};
  if (elements != bytes.size() - header_bytes)
    fail("idx", "{} has a wrong size. Expected {} bytes of data. Got {}.", name, elements, bytes.size() - header_bytes);
  Tensor tensor(Shape(std::move(extents)), DType::kUInt8);
  if (elements > 0) std::memcpy(tensor.raw(), bytes.data() + header_bytes, elements);
  return tensor;
}

Tensor read_idx(const fs::path& path) {
  // The training images of MNIST are 47 MB; EMNIST's are 550 MB.
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;
  return parse_idx(read_gzip(path, kMaxBytes), path.string());
}

namespace datasets {
namespace {

// train images, train labels, test images, test labels
using FourFiles = std::array<fs::path, 4>;
constexpr std::array<const char*, 4> kFiles = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                               "t10k-labels-idx1-ubyte"};

struct Mnist {
  std::string name;
  std::vector<std::string> folders;  // below a data folder
  std::string npz;                   // Keras's file, if it has one
  std::vector<std::string> class_names;
  std::array<const char*, 4> md5;
  std::vector<std::string> mirrors;
};

const Mnist& describe_mnist() {
  static const Mnist set = {
      "mnist",
      {"mnist", "MNIST/raw", ""},
      "mnist.npz",
      {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
      {"f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432", "9fb629c4189551a2d022fa330f9573f3",
       "ec29112dd5afa0611ce80d1b7f02629c"},
      {"https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"}};
  return set;
}

const Mnist& describe_fashion() {
  // Its files are named as those of MNIST, so they are not looked for in a data folder itself.
  static const Mnist set = {
      "fashion_mnist",
      {"fashion_mnist", "fashion-mnist", "FashionMNIST/raw"},
      "",
      {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"},
      {"8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe", "bef4ecab320f06d8554ea6380940ec79",
       "bb300cfdad3c16e7a12a480ee83cd310"},
      {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"}};
  return set;
}

bool is_there(const fs::path& path) {
  std::error_code code;
  return fs::is_regular_file(path, code);
}

std::optional<FourFiles> four_files(const fs::path& folder) {
  FourFiles files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    files[i] = folder / kFiles[i];
    if (!is_there(files[i])) files[i] += ".gz";
    if (!is_there(files[i])) return std::nullopt;
  }
  return files;
}

Dataset make(const Mnist& set, const Tensor& images, const Tensor& labels, const std::string& file) {
  constexpr std::int64_t kSide = 28;
  if (images.dtype() != DType::kUInt8 || images.shape().rank() != 3 || images.shape()[1] != kSide || images.shape()[2] != kSide)
    fail(set.name, "{} has other images. Expected uint8 (n, 28, 28). Got {}.", file, to_string(images.type()));
  return Dataset::from_tensors(images.reshape({images.shape()[0], kSide, kSide, 1}), labels, set.class_names);
}

TrainTest read_four(const Mnist& set, const FourFiles& files) {
  return {make(set, read_idx(files[0]), read_idx(files[1]), files[0].string()),
          make(set, read_idx(files[2]), read_idx(files[3]), files[2].string())};
}

TrainTest read_keras(const Mnist& set, const fs::path& path) {
  std::map<std::string, Tensor> arrays = read_npz(path);
  for (const char* key : {"x_train", "y_train", "x_test", "y_test"})
    if (!arrays.contains(key)) fail(set.name, "{} has no array {}.", path.string(), key);
  return {make(set, arrays["x_train"], arrays["y_train"], path.string()),
          make(set, arrays["x_test"], arrays["y_test"], path.string())};
}

// The folder of the four files, or Keras's file.
std::optional<fs::path> find_set(const Mnist& set, const Options& options) {
  for (const fs::path& folder : data_folders(options)) {
    for (const std::string& name : set.folders)
      if (four_files(folder / name)) return folder / name;
    // The folder of the set itself may be given.
    for (const std::string& name : set.folders)
      if (!name.empty() && (folder / "").parent_path().filename() == name && four_files(folder)) return folder;
    if (!set.npz.empty() && is_there(folder / set.npz)) return folder / set.npz;
  }
  return std::nullopt;
}

TrainTest load(const Mnist& set, const Options& options) {
  if (const auto found = find_set(set, options)) {
    const auto files = four_files(*found);
    return files ? read_four(set, *files) : read_keras(set, *found);
  }
  const fs::path folder = download_folder(options) / set.folders.front();
  FourFiles files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string file = std::string(kFiles[i]) + ".gz";
    files[i] = folder / file;
    if (is_there(files[i])) continue;
    Download download{file, set.md5[i], {}};
    for (const std::string& mirror : set.mirrors) download.urls.push_back(mirror + file);
    if (!options.download)
      fail(set.name,
           "the data set is not on this machine. Put {} and the three files beside it into {}; they are published at {}.", file,
           folder.string(), set.mirrors.front());
    fetch(download, folder, options.progress);
  }
  return read_four(set, files);
}

}  // namespace

TrainTest mnist(const Options& options) { return load(describe_mnist(), options); }
TrainTest fashion_mnist(const Options& options) { return load(describe_fashion(), options); }

std::optional<fs::path> find_mnist(const Options& options) { return find_set(describe_mnist(), options); }
std::optional<fs::path> find_fashion_mnist(const Options& options) { return find_set(describe_fashion(), options); }

}  // namespace datasets
}  // namespace tutti
