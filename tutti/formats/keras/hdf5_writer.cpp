#include "tutti/formats/keras/hdf5_writer.h"

#include <hdf5.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "tutti/base/error.h"
#include "tutti/base/files.h"

namespace tutti {
namespace {

// Debian's libhdf5 is built without thread safety.
std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

// Keras's HDF5_OBJECT_HEADER_LIMIT: an attribute must fit an object header of 64 KiB.
constexpr std::size_t kHeaderLimit = 64512;

// Owns one identifier of the library.
class Id {
 public:
  Id(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Id& operator=(Id&&) = delete;
  ~Id() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

hid_t file_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return H5T_IEEE_F32LE;
    case DType::kFloat64:
      return H5T_IEEE_F64LE;
    case DType::kInt32:
      return H5T_STD_I32LE;
    case DType::kInt64:
      return H5T_STD_I64LE;
    case DType::kUInt8:
      return H5T_STD_U8LE;
  }
  return H5T_IEEE_F32LE;
}

hid_t memory_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return H5T_NATIVE_FLOAT;
    case DType::kFloat64:
      return H5T_NATIVE_DOUBLE;
    case DType::kInt32:
      return H5T_NATIVE_INT32;
    case DType::kInt64:
      return H5T_NATIVE_INT64;
    case DType::kUInt8:
      return H5T_NATIVE_UINT8;
  }
  return H5T_NATIVE_FLOAT;
}

}  // namespace

struct Hdf5Writer::Implementation {
  std::string name;
  hid_t file = -1;

  void check(bool good, std::string_view place) const {
    if (!good) throw Error(name, fmt::format("{}: cannot be made (out of memory, or a name twice).", place));
  }

  Id creation_list(hid_t type) const {
    Id list(H5Pcreate(type), H5Pclose);
    H5Pset_create_intermediate_group(list, 1);
    return list;
  }

  void write_attribute(hid_t object, const std::string& attribute, hid_t type, hid_t space, const void* data,
                       std::string_view place) const {
    H5Adelete(object, attribute.c_str());  // absent as a rule; the error is silenced
    const Id id(H5Acreate2(object, attribute.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    check(id >= 0 && (data == nullptr || H5Awrite(id, type, data) >= 0), place);
  }

  Id open(std::string_view object) const {
    const std::string path = object.empty() ? "/" : std::string(object);
    Id id(H5Oopen(file, path.c_str(), H5P_DEFAULT), H5Oclose);
    check(id >= 0, path);
    return id;
  }

  static Id string_type(std::size_t size, Hdf5String kind) {
    Id type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, size);
    H5Tset_cset(type, kind == Hdf5String::kUtf8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
    if (kind == Hdf5String::kFixed) H5Tset_strpad(type, H5T_STR_NULLPAD);
    return type;
  }

  void write_names(hid_t object, const std::string& attribute, std::span<const std::string> values, Hdf5String kind) const {
    const hsize_t count = values.size();
    const Id space(H5Screate_simple(1, &count, nullptr), H5Sclose);
    if (values.empty()) return write_attribute(object, attribute, H5T_IEEE_F64LE, space, nullptr, attribute);
    if (kind != Hdf5String::kFixed) {
      std::vector<const char*> pointers;
      for (const std::string& value : values) pointers.push_back(value.c_str());
      return write_attribute(object, attribute, string_type(H5T_VARIABLE, kind), space, pointers.data(), attribute);
    }
    std::size_t width = 1;
    for (const std::string& value : values) width = std::max(width, value.size());
    std::string padded;
    for (const std::string& value : values) padded.append(value).append(width - value.size(), '\0');
    write_attribute(object, attribute, string_type(width, kind), space, padded.data(), attribute);
  }
};

Hdf5Writer::Hdf5Writer(const std::filesystem::path& path) : implementation_(std::make_unique<Implementation>()) {
  const std::lock_guard lock(library_mutex());
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  implementation_->name = path.string();
  // In memory: after a write that fails, the library cannot close its file, and crashes when the process ends.
  constexpr std::size_t kIncrement = std::size_t{1} << 20;
  const Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access, kIncrement, false);
  implementation_->file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
  implementation_->check(implementation_->file >= 0, "/");
}

Hdf5Writer::~Hdf5Writer() {
  const std::lock_guard lock(library_mutex());
  if (implementation_ && implementation_->file >= 0) H5Fclose(implementation_->file);
}

void Hdf5Writer::group(std::string_view path) {
  const std::lock_guard lock(library_mutex());
  const Id list = implementation_->creation_list(H5P_LINK_CREATE);
  const std::string name(path);
  const Id id(H5Gcreate2(implementation_->file, name.c_str(), list, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  implementation_->check(id >= 0, path);
}

void Hdf5Writer::dataset(std::string_view path, const Tensor& value) {
  const std::lock_guard lock(library_mutex());
  std::vector<hsize_t> extents;
  for (const std::int64_t extent : value.shape()) extents.push_back(static_cast<hsize_t>(extent));
  const Id space(
      extents.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
      H5Sclose);
  const Id links = implementation_->creation_list(H5P_LINK_CREATE);
  // As h5py: files with the same content are the same bytes.
  const Id creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  const std::string name(path);
  const Id id(H5Dcreate2(implementation_->file, name.c_str(), file_type(value.dtype()), space, links, creation, H5P_DEFAULT),
              H5Dclose);
  implementation_->check(id >= 0, path);
  if (value.empty()) return;
  implementation_->check(H5Dwrite(id, memory_type(value.dtype()), H5S_ALL, H5S_ALL, H5P_DEFAULT, value.raw()) >= 0, path);
}

void Hdf5Writer::attribute(std::string_view object, std::string_view name, const std::string& value, Hdf5String kind) {
  const std::lock_guard lock(library_mutex());
  const Id owner = implementation_->open(object);
  const Id space(H5Screate(H5S_SCALAR), H5Sclose);
  if (kind == Hdf5String::kFixed) {
    const Id type = Implementation::string_type(std::max<std::size_t>(value.size(), 1), kind);
    implementation_->write_attribute(owner, std::string(name), type, space, value.c_str(), name);
    return;
  }
  const char* text = value.c_str();
  implementation_->write_attribute(owner, std::string(name), Implementation::string_type(H5T_VARIABLE, kind), space, &text,
                                   name);
}

void Hdf5Writer::names(std::string_view object, const std::string& name, const std::vector<std::string>& values,
                       Hdf5String kind) {
  const std::lock_guard lock(library_mutex());
  const Id owner = implementation_->open(object);
  std::size_t width = 1;
  for (const std::string& value : values) width = std::max(width, value.size());
  if (width > kHeaderLimit) throw Error(implementation_->name, fmt::format("{}: a name is longer than an attribute.", name));
  if (values.size() * width <= kHeaderLimit) return implementation_->write_names(owner, name, values, kind);
  // numpy's array_split into the least number of parts that all fit: the first ones are one longer.
  std::size_t parts = 2;
  while ((values.size() + parts - 1) / parts * width > kHeaderLimit) ++parts;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < parts; ++i) {
    const std::size_t count = values.size() / parts + (i < values.size() % parts);
    implementation_->write_names(owner, name + std::to_string(i), std::span(values).subspan(begin, count), kind);
    begin += count;
  }
}

void Hdf5Writer::close() {
  std::string bytes;
  {
    const std::lock_guard lock(library_mutex());
    const hid_t file = std::exchange(implementation_->file, -1);
    implementation_->check(H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0, "/");
    const ssize_t size = H5Fget_file_image(file, nullptr, 0);
    implementation_->check(size > 0, "/");
    bytes.resize(static_cast<std::size_t>(size));
    implementation_->check(H5Fget_file_image(file, bytes.data(), bytes.size()) == size, "/");
    implementation_->check(H5Fclose(file) >= 0, "/");
  }
  write_file_atomically(implementation_->name, bytes);
}

}  // namespace tutti
