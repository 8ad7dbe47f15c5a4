#include <algorithm>
#include <cctype>
#include <functional>
#include <memory>
#include <set>
#include <tuple>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/parallel.h"
#include "tutti/data/archive.h"
#include "tutti/data/datasets.h"
#include "tutti/data/images.h"

namespace fs = std::filesystem;

namespace tutti::datasets {
namespace {

constexpr std::uint64_t kMaxImageBytes = std::uint64_t{1} << 28;
// Images that one thread decodes at a time; a zip is opened once for each such range.
constexpr std::int64_t kDecodeGrain = 2000;

// Files of a folder or a zip, named relative to it with '/'.
class FileTree {
 public:
  // Gives the content of one file. Used by one thread.
  using Reader = std::function<std::string(std::size_t)>;
  virtual ~FileTree() = default;
  virtual std::vector<std::string> names() const = 0;
  virtual Reader reader() const = 0;
};

class Folder : public FileTree {
 public:
  explicit Folder(fs::path path) : path_(std::move(path)) {
    std::error_code code;
    for (fs::recursive_directory_iterator entry(path_, code), end; entry != end; entry.increment(code)) {
      if (code) fail("image_folder", "cannot read folder {}: {}.", path_.string(), code.message());
      if (entry->is_regular_file(code)) names_.push_back(entry->path().lexically_relative(path_).generic_string());
    }
  }
  std::vector<std::string> names() const override { return names_; }
  Reader reader() const override {
    return [this](std::size_t index) { return read_file(path_ / names_[index], kMaxImageBytes); };
  }

 private:
  fs::path path_;
  std::vector<std::string> names_;
};

class Zip : public FileTree {
 public:
  explicit Zip(fs::path path) : path_(std::move(path)) {
    const ZipReader zip(path_);
    for (const ZipReader::Entry& entry : zip.entries()) names_.push_back(entry.name);
  }
  std::vector<std::string> names() const override { return names_; }
  Reader reader() const override {
    auto zip = std::make_shared<ZipReader>(path_);
    return [zip](std::size_t index) { return zip->read(index, kMaxImageBytes); };
  }

 private:
  fs::path path_;
  std::vector<std::string> names_;
};

struct ImageFile {
  std::size_t index;  // in the tree
  std::string split, class_name, name;
};

bool is_image(const std::string& name) {
  std::string extension = fs::path(name).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

// The parts of a path; empty if one of them is hidden or an archiver's own.
std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts;
  for (const fs::path& part : fs::path(name)) {
    if (part == ".") continue;
    if (part.string().starts_with('.') || part == "__MACOSX") return {};
    parts.push_back(part.string());
  }
  return parts;
}

bool is_split(const std::string& part) { return part == "train" || part == "test"; }

// All images, in the order split, class, name. Files are [split/]class/name, below any folders that all of them share.
std::vector<ImageFile> images_of(const FileTree& tree) {
  std::vector<std::pair<std::size_t, std::vector<std::string>>> paths;
  const std::vector<std::string> names = tree.names();
  for (std::size_t i = 0; i < names.size(); ++i)
    if (is_image(names[i]))
      if (auto parts = parts_of(names[i]); !parts.empty()) paths.emplace_back(i, std::move(parts));
  const auto share_a_folder = [&] {
    if (paths.empty()) return false;
    const std::string first = paths.front().second.front();
    return !is_split(first) && std::all_of(paths.begin(), paths.end(), [&](const auto& path) {
      return path.second.size() >= 3 && path.second.front() == first;
    });
  };
  while (share_a_folder())
    for (auto& path : paths) path.second.erase(path.second.begin());

  const bool has_splits =
      !paths.empty() && std::all_of(paths.begin(), paths.end(), [](const auto& path) { return is_split(path.second.front()); });
  std::vector<ImageFile> files;
  for (const auto& [index, parts] : paths) {
    const std::size_t class_part = has_splits ? 1 : 0;
    if (parts.size() < class_part + 2) fail("image_folder", "{} lies in no class folder.", names[index]);
    files.push_back({index, has_splits ? parts[0] : "train", parts[class_part], names[index]});
  }
  std::sort(files.begin(), files.end(), [](const ImageFile& a, const ImageFile& b) {
    return std::tie(a.split, a.class_name, a.name) < std::tie(b.split, b.class_name, b.name);
  });
  return files;
}

class Decoder {
 public:
  Decoder(const FileTree& tree, std::string root, const ImageFolderOptions& options)
      : tree_(tree), root_(std::move(root)), options_(options) {}

  Dataset decode(const std::vector<ImageFile>& files, const std::vector<std::string>& class_names, const Shape& shape) const {
    const auto count = static_cast<std::int64_t>(files.size());
    Tensor x({count, shape[0], shape[1], shape[2]}, DType::kUInt8), y({count}, DType::kInt32);
    auto* pixels = static_cast<std::uint8_t*>(x.raw());
    auto* labels = static_cast<std::int32_t*>(y.raw());
    parallel_for(0, count, kDecodeGrain, [&](std::int64_t begin, std::int64_t end) {
      const FileTree::Reader read = tree_.reader();
      for (std::int64_t i = begin; i < end; ++i) {
        check_interrupt();
        const ImageFile& file = files[static_cast<std::size_t>(i)];
        const Tensor image = decode_one(read, file);
        if (image.shape() != shape)
          fail("image_folder",
               "{} has another size than the first image; give a height and width to resize to. Expected {}. Got {}.",
               place(file), to_string(shape), to_string(image.shape()));
        std::copy_n(image.data<std::uint8_t>().data(), shape.elements(), pixels + i * shape.elements());
        labels[i] = static_cast<std::int32_t>(std::lower_bound(class_names.begin(), class_names.end(), file.class_name) -
                                              class_names.begin());
      }
    });
    return Dataset::from_tensors(x, y, class_names);
  }
  Tensor decode_one(const FileTree::Reader& read, const ImageFile& file) const {
    const Tensor image = decode_image(read(file.index), place(file), options_.channels);
    return options_.height > 0 ? resize_image(image, options_.height, options_.width) : image;
  }

 private:
  std::string place(const ImageFile& file) const { return (fs::path(root_) / file.name).string(); }
  const FileTree& tree_;
  std::string root_;
  ImageFolderOptions options_;
};

}  // namespace

TrainTest image_folder(const fs::path& path, const ImageFolderOptions& options) {
  if (options.height < 0 || options.width < 0 || (options.height > 0) != (options.width > 0))
    fail("image_folder", "give both height and width, or neither. Got {} and {}.", options.height, options.width);
  std::error_code code;
  if (!fs::exists(path, code)) fail("image_folder", "{} does not exist.", path.string());
  const std::unique_ptr<FileTree> tree =
      fs::is_directory(path, code) ? std::unique_ptr<FileTree>(new Folder(path)) : std::make_unique<Zip>(path);
  const std::vector<ImageFile> files = images_of(*tree);
  if (files.empty()) fail("image_folder", "{} has no .jpg, .jpeg or .png files.", path.string());
  std::set<std::string> classes;
  std::vector<ImageFile> train, test;
  for (const ImageFile& file : files) {
    classes.insert(file.class_name);
    (file.split == "train" ? train : test).push_back(file);
  }
  const std::vector<std::string> class_names(classes.begin(), classes.end());
  const Decoder decoder(*tree, path.string(), options);
  const Shape shape = decoder.decode_one(tree->reader(), files.front()).shape();
  return {decoder.decode(train, class_names, shape), decoder.decode(test, class_names, shape)};
}

NamedImages unlabelled_images(const fs::path& path, const ImageFolderOptions& options) {
  std::error_code code;
  if (!fs::exists(path, code)) fail("images", "{} does not exist.", path.string());
  const bool is_folder = fs::is_directory(path, code);
  const fs::path root = is_folder ? path : path.parent_path();
  NamedImages images;
  if (!is_folder) {
    images.names = {path.filename().string()};
  } else {
    for (std::string& name : Folder(path).names())
      if (is_image(name) && !parts_of(name).empty()) images.names.push_back(std::move(name));
    std::sort(images.names.begin(), images.names.end());
  }
  if (images.names.empty()) fail("images", "{} has no .jpg, .jpeg or .png files.", path.string());
  const auto read = [&](const std::string& name) {
    const Tensor image = decode_image(read_file(root / name, kMaxImageBytes), (root / name).string(), options.channels);
    return options.height > 0 ? resize_image(image, options.height, options.width) : image;
  };
  const Shape shape = read(images.names.front()).shape();
  const auto count = static_cast<std::int64_t>(images.names.size());
  Tensor x({count, shape[0], shape[1], shape[2]}, DType::kUInt8);
  parallel_for(0, count, kDecodeGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      check_interrupt();
      const std::string& name = images.names[static_cast<std::size_t>(i)];
      const Tensor image = read(name);
      if (image.shape() != shape)
        fail("images", "{} has another size than {}. Expected {}. Got {}.", name, images.names.front(), to_string(shape),
             to_string(image.shape()));
      std::copy_n(image.data<std::uint8_t>().data(), shape.elements(),
                  static_cast<std::uint8_t*>(x.raw()) + i * shape.elements());
    }
  });
  images.data = Dataset::from_tensors(x, Tensor());
  return images;
}

}  // namespace tutti::datasets
