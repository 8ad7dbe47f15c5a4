#include "tutti/formats/keras/hdf5_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/formats/keras/hdf5_format.h"

namespace tutti {

using hdf5::Attribute;
using hdf5::Object;
using hdf5::TypeClass;

namespace {

// IEEE 754 binary16.
float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16, exponent = (half >> 10) & 31u, fraction = half & 0x3FFu;
  if (exponent == 0) return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(static_cast<float>(fraction) * 0x1p-24f));
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

template <class To, class From>
void convert(const std::string& stored, void* values) {
  auto* to = static_cast<To*>(values);
  for (std::size_t i = 0; i * sizeof(From) < stored.size(); ++i) {
    From value;
    std::memcpy(&value, stored.data() + i * sizeof(From), sizeof(From));
    to[i] = static_cast<To>(value);
  }
}

// The DType that a stored number type becomes, and the function that converts to it; nullopt if there is none.
struct Conversion {
  DType dtype = DType::kFloat32;
  void (*function)(const std::string&, void*) = nullptr;
};

std::optional<Conversion> conversion(const hdf5::Datatype& type) {
  if (type.type_class == TypeClass::kFloat) {
    if (type.size == 4) return Conversion{DType::kFloat32, convert<float, float>};
    if (type.size == 8) return Conversion{DType::kFloat64, convert<double, double>};
    if (type.size == 2) {
      return Conversion{DType::kFloat32, [](const std::string& stored, void* values) {
                          for (std::size_t i = 0; 2 * i < stored.size(); ++i) {
                            std::uint16_t half = 0;
                            std::memcpy(&half, stored.data() + 2 * i, 2);
                            static_cast<float*>(values)[i] = half_to_float(half);
                          }
                        }};
    }
  }
  if (type.type_class != TypeClass::kInteger) return std::nullopt;
  switch (type.size) {
    case 1:
      return type.is_signed ? Conversion{DType::kInt32, convert<std::int32_t, std::int8_t>}
                            : Conversion{DType::kUInt8, convert<std::uint8_t, std::uint8_t>};
    case 2:
      return type.is_signed ? Conversion{DType::kInt32, convert<std::int32_t, std::int16_t>}
                            : Conversion{DType::kInt32, convert<std::int32_t, std::uint16_t>};
    case 4:
      return type.is_signed ? Conversion{DType::kInt32, convert<std::int32_t, std::int32_t>}
                            : Conversion{DType::kInt64, convert<std::int64_t, std::uint32_t>};
    case 8:
      return Conversion{DType::kInt64, convert<std::int64_t, std::int64_t>};
    default:
      return std::nullopt;
  }
}

void swap_bytes(std::string& stored, std::size_t size) {
  for (std::size_t i = 0; i + size <= stored.size(); i += size) {
    std::reverse(stored.begin() + static_cast<std::ptrdiff_t>(i), stored.begin() + static_cast<std::ptrdiff_t>(i + size));
  }
}

std::string until_nul(std::string_view text) { return std::string(text.substr(0, text.find('\0'))); }

}  // namespace

struct Hdf5Reader::Implementation {
  struct Group {
    std::map<std::string, std::uint64_t> members;
  };

  hdf5::Image image;
  mutable std::unordered_map<std::uint64_t, Object> objects;
  mutable std::unordered_map<std::uint64_t, Group> groups;

  const Object& object_at(std::uint64_t address, std::string_view place) const {
    const auto found = objects.find(address);
    if (found != objects.end()) return found->second;
    return objects.emplace(address, hdf5::read_object(image, place, address)).first->second;
  }

  const Group& group_at(std::uint64_t address, std::string_view place) const {
    const auto found = groups.find(address);
    if (found != groups.end()) return found->second;
    const Object& object = object_at(address, place);
    if (!object.is_group) hdf5::corrupt(image, place, "this is no group.");
    if (!object.unsupported.empty()) hdf5::corrupt(image, place, object.unsupported);
    Group group{object.links};
    if (object.has_symbol_table) group.members = hdf5::read_symbol_table(image, place, object);
    return groups.emplace(address, std::move(group)).first->second;
  }

  // The address of the object, or nullopt if a part of the path is absent or no group.
  std::optional<std::uint64_t> find(std::string_view path) const {
    std::uint64_t address = image.root;
    while (!path.empty()) {
      const std::size_t slash = std::min(path.find('/'), path.size());
      const std::string_view part = path.substr(0, slash);
      path.remove_prefix(std::min(slash + 1, path.size()));
      if (part.empty()) continue;
      if (!object_at(address, part).is_group) return std::nullopt;
      const auto& members = group_at(address, part).members;
      const auto member = members.find(std::string(part));
      if (member == members.end()) return std::nullopt;
      address = member->second;
    }
    return address;
  }

  std::uint64_t require(std::string_view path) const {
    const auto address = find(path);
    if (!address) hdf5::corrupt(image, path, "it is not in the file.");
    return *address;
  }

  const Attribute* find_attribute(std::string_view path, std::string_view name) const {
    const Object& object = object_at(require(path), path);
    for (const Attribute& attribute : object.attributes) {
      if (attribute.name == name) return &attribute;
    }
    // Attributes in unread places are only worth an Error when one of them is missing.
    if (!object.unsupported.empty()) hdf5::corrupt(image, path, object.unsupported);
    return nullptr;
  }

  std::vector<std::string> strings(const Attribute& attribute, const std::string& place) const {
    const std::uint64_t count = hdf5::elements(image, place, attribute.space);
    if (count == 0) return {};
    const hdf5::Datatype& type = attribute.type;
    if (type.type_class != TypeClass::kString && type.type_class != TypeClass::kVariableString) {
      hdf5::corrupt(image, place, fmt::format("is no text. Expected strings. Got HDF5 type class {}.", type.raw_class));
    }
    if (hdf5::multiply(image, place, count, type.size) > attribute.bytes) {
      hdf5::corrupt(image, place, "it is shorter than its shape.");
    }
    hdf5::Cursor cursor(image, place, attribute.data, attribute.bytes);
    std::vector<std::string> values;
    std::uint64_t total = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (type.type_class == TypeClass::kString) {
        values.push_back(until_nul(cursor.take(type.size)));
        continue;
      }
      hdf5::Cursor element = cursor.sub(type.size);
      const std::uint64_t length = element.u32();
      const std::uint64_t heap = element.offset();
      const std::uint32_t index = element.u32();
      if (length == 0) {
        values.emplace_back();
        continue;
      }
      const std::string_view text = hdf5::read_global_heap(image, place, heap, index);
      if (length > text.size()) hdf5::corrupt(image, place, "a string is longer than its place in the heap.");
      // Strings that share their bytes would make a small file unpack without bounds.
      total += length;
      if (total > image.bytes.size()) hdf5::corrupt(image, place, "its strings are longer than the file.");
      values.push_back(until_nul(text.substr(0, length)));
    }
    return values;
  }
};

Hdf5Reader::Hdf5Reader(const std::filesystem::path& path) : Hdf5Reader(read_file(path), path.string()) {}

Hdf5Reader::Hdf5Reader(std::string bytes, std::string name) : implementation_(std::make_unique<Implementation>()) {
  implementation_->image.bytes = std::move(bytes);
  implementation_->image.name = std::move(name);
  hdf5::read_superblock(implementation_->image);
}

Hdf5Reader::~Hdf5Reader() = default;
Hdf5Reader::Hdf5Reader(Hdf5Reader&&) noexcept = default;

const std::string& Hdf5Reader::name() const { return implementation_->image.name; }

bool Hdf5Reader::exists(std::string_view path) const { return implementation_->find(path).has_value(); }

std::vector<std::string> Hdf5Reader::children(std::string_view group) const {
  std::vector<std::string> names;
  for (const auto& [name, address] : implementation_->group_at(implementation_->require(group), group).members) {
    names.push_back(name);
  }
  return names;
}

bool Hdf5Reader::is_group(std::string_view path) const {
  return implementation_->object_at(implementation_->require(path), path).is_group;
}

Tensor Hdf5Reader::dataset(std::string_view path) const {
  const hdf5::Image& image = implementation_->image;
  const Object& object = implementation_->object_at(implementation_->require(path), path);
  if (!object.is_dataset) hdf5::corrupt(image, path, "this is no data set.");
  if (!object.unsupported.empty()) hdf5::corrupt(image, path, object.unsupported);
  const auto convert_to = conversion(object.type);
  if (!convert_to) {
    hdf5::corrupt(image, path,
                  fmt::format("its type is not supported. Expected integers or floats. Got HDF5 type class {} of {} bytes.",
                              object.type.raw_class, object.type.size));
  }
  std::string stored = hdf5::read_data(image, path, object);
  if (object.type.big_endian) swap_bytes(stored, object.type.size);
  std::vector<std::int64_t> extents;
  for (const std::uint64_t extent : object.space.extents) {
    if (extent > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      hdf5::corrupt(image, path, "an extent is too large.");
    }
    extents.push_back(static_cast<std::int64_t>(extent));
  }
  // One zero extent may stand beside others whose product overflows.
  if (hdf5::elements(image, path, object.space) == 0) extents = {0};
  Tensor tensor(Shape(std::move(extents)), convert_to->dtype);
  if (!stored.empty()) convert_to->function(stored, tensor.raw());
  return tensor;
}

bool Hdf5Reader::has_attribute(std::string_view object, std::string_view attribute) const {
  return implementation_->find_attribute(object, attribute) != nullptr;
}

std::optional<std::string> Hdf5Reader::string_attribute(std::string_view object, std::string_view attribute) const {
  const Attribute* found = implementation_->find_attribute(object, attribute);
  if (found == nullptr) return std::nullopt;
  const std::string place = fmt::format("{} attribute {}", object, attribute);
  std::vector<std::string> values = implementation_->strings(*found, place);
  if (values.size() != 1) {
    hdf5::corrupt(implementation_->image, place, fmt::format("expected one string. Got {}.", values.size()));
  }
  return std::move(values.front());
}

std::optional<std::vector<std::string>> Hdf5Reader::strings_attribute(std::string_view object,
                                                                      std::string_view attribute) const {
  const Attribute* found = implementation_->find_attribute(object, attribute);
  if (found == nullptr) return std::nullopt;
  return implementation_->strings(*found, fmt::format("{} attribute {}", object, attribute));
}

}  // namespace tutti
