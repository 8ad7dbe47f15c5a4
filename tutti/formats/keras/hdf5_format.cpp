#include "tutti/formats/keras/hdf5_format.h"

#include <algorithm>
#include <limits>

#include "tutti/base/error.h"

namespace tutti::hdf5 {

void corrupt(const Image& image, std::string_view place, std::string_view problem) {
  throw Error(image.name, fmt::format("{}: {}", place.empty() ? "/" : place, problem));
}

Cursor::Cursor(const Image& image, std::string_view place, std::uint64_t address, std::uint64_t length)
    : image_(&image), place_(place), address_(address) {
  const std::uint64_t size = image.bytes.size();
  if (address > size || image.base > size - address || length > size - address - image.base) {
    fail(fmt::format("points outside the file. Expected {} bytes at {}. Got a file of {} bytes.", length, address, size));
  }
  data_ = std::string_view(image.bytes).substr(address + image.base, length);
}

namespace {
std::uint64_t to_end(const Image& image, std::uint64_t address) {
  const std::uint64_t size = image.bytes.size();
  return address > size || image.base > size - address ? 0 : size - address - image.base;
}
}  // namespace

Cursor::Cursor(const Image& image, std::string_view place, std::uint64_t address)
    : Cursor(image, place, address, to_end(image, address)) {}

std::string_view Cursor::take(std::uint64_t size) {
  if (size > remaining()) fail(fmt::format("a structure ends too early. Expected {} more bytes. Got {}.", size, remaining()));
  const std::string_view part = data_.substr(position_, size);
  position_ += size;
  return part;
}

std::uint64_t Cursor::uint(int size) {
  const std::string_view part = take(static_cast<std::uint64_t>(size));
  std::uint64_t value = 0;
  for (int i = 0; i < size; ++i) {
    value |= std::uint64_t{static_cast<std::uint8_t>(part[static_cast<std::size_t>(i)])} << (8 * i);
  }
  return value;
}

void Cursor::align8() { skip((8 - position_ % 8) % 8); }

void Cursor::expect(std::string_view signature) {
  if (take(signature.size()) != signature) fail(fmt::format("a structure is damaged. Expected the mark {}.", signature));
}

Cursor Cursor::sub(std::uint64_t size) {
  const std::uint64_t begin = address();
  skip(size);
  return Cursor(*image_, place_, begin, size);
}

bool is_undefined(const Image& image, std::uint64_t address) {
  const std::uint64_t all =
      image.offset_size == 8 ? std::numeric_limits<std::uint64_t>::max() : (std::uint64_t{1} << (8 * image.offset_size)) - 1;
  return address == all;
}

std::uint64_t multiply(const Image& image, std::string_view place, std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) corrupt(image, place, "a size overflows.");
  return product;
}

namespace {

void set_sizes(Image& image, int offset_size, int length_size) {
  const auto valid = [](int size) { return size == 2 || size == 4 || size == 8; };
  if (!valid(offset_size) || !valid(length_size)) corrupt(image, "superblock", "unknown sizes of offsets and lengths.");
  image.offset_size = offset_size;
  image.length_size = length_size;
}

void read_superblock_at(Image& image, std::uint64_t position) {
  Cursor cursor(image, "superblock", position);
  cursor.skip(8);
  const int version = cursor.u8();
  if (version > 3) cursor.fail(fmt::format("unknown version. Expected 0 to 3. Got {}.", version));
  if (version <= 1) {
    cursor.skip(4);
    const int offset_size = cursor.u8();
    set_sizes(image, offset_size, cursor.u8());
    cursor.skip(version == 0 ? 1 + 4 + 4 : 1 + 4 + 4 + 4);
  } else {
    const int offset_size = cursor.u8();
    set_sizes(image, offset_size, cursor.u8());
    cursor.skip(1);
  }
  const std::uint64_t base = cursor.offset();
  cursor.offset();
  const std::uint64_t end = cursor.offset();
  if (version <= 1) {
    cursor.offset();
    cursor.offset();
  }
  image.root = cursor.offset();
  // h5py writes 0; a file with a user block may say where it begins.
  image.base = base;
  if (end > image.bytes.size()) {
    cursor.fail(fmt::format("the file is truncated. Expected {} bytes. Got {}.", end, image.bytes.size()));
  }
}

}  // namespace

void read_superblock(Image& image) {
  constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);
  const std::uint64_t size = image.bytes.size();
  for (std::uint64_t position = 0; position + kSignature.size() <= size; position = position == 0 ? 512 : position * 2) {
    if (std::string_view(image.bytes).substr(position, kSignature.size()) != kSignature) continue;
    read_superblock_at(image, position);
    return;
  }
  throw Error(image.name, fmt::format("this is no HDF5 file. Expected its signature. Got {} other bytes.", size));
}

Datatype read_datatype(Cursor& cursor) {
  const int class_and_version = cursor.u8();
  const auto bits = static_cast<std::uint32_t>(cursor.uint(3));
  Datatype type;
  type.raw_class = class_and_version & 15;
  type.size = cursor.u32();
  if (type.size == 0) cursor.fail("a data type has no size.");
  constexpr std::uint32_t kVaxOrder = 0x40;
  switch (type.raw_class) {
    case 0:
      type.type_class = TypeClass::kInteger;
      type.big_endian = bits & 1;
      type.is_signed = bits & 8;
      break;
    case 1:
      if ((bits & kVaxOrder) == 0) type.type_class = TypeClass::kFloat;
      type.big_endian = bits & 1;
      break;
    case 3:
      type.type_class = TypeClass::kString;
      break;
    case 9:
      if ((bits & 15) == 1) type.type_class = TypeClass::kVariableString;
      break;
    default:
      break;
  }
  return type;
}

Dataspace read_dataspace(Cursor& cursor) {
  constexpr int kMaxRank = 32;  // H5S_MAX_RANK
  const int version = cursor.u8();
  const int rank = cursor.u8();
  cursor.skip(1);
  Dataspace space;
  if (version == 1) {
    cursor.skip(5);
  } else if (version == 2) {
    space.null = cursor.u8() == 2;
  } else {
    cursor.fail(fmt::format("unknown version of a data space. Expected 1 or 2. Got {}.", version));
  }
  if (rank > kMaxRank) cursor.fail(fmt::format("too many axes. Expected at most {}. Got {}.", kMaxRank, rank));
  for (int i = 0; i < rank; ++i) space.extents.push_back(cursor.length());
  return space;
}

std::uint64_t elements(const Image& image, std::string_view place, const Dataspace& space) {
  if (space.null) return 0;
  std::uint64_t count = 1;
  // A zero extent makes all of it empty, however large the others.
  if (std::find(space.extents.begin(), space.extents.end(), 0u) != space.extents.end()) return 0;
  for (const std::uint64_t extent : space.extents) count = multiply(image, place, count, extent);
  return count;
}

std::string_view read_global_heap(const Image& image, std::string_view place, std::uint64_t address, std::uint32_t index) {
  Cursor cursor(image, place, address);
  cursor.expect("GCOL");
  cursor.skip(4);
  const std::uint64_t size = cursor.length();
  const auto header = static_cast<std::uint64_t>(8 + image.length_size);
  if (size < header) cursor.fail("a heap collection is damaged.");
  Cursor objects = cursor.sub(size - header);
  while (objects.remaining() >= header) {
    const std::uint32_t id = objects.u16();
    objects.skip(6);
    const std::uint64_t bytes = objects.length();
    if (id == 0) break;  // the free space, always last
    const std::string_view data = objects.take(bytes);
    if (id == index) return data;
    objects.skip(std::min(objects.remaining(), (8 - bytes % 8) % 8));
  }
  corrupt(image, place, fmt::format("the heap has no object {}.", index));
}

}  // namespace tutti::hdf5
