// The structures inside an HDF5 file, as hdf5_reader.cpp walks them. Internal to hdf5_*.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::hdf5 {

// The whole file, its encoding parameters, and where an Error says it came from.
struct Image {
  std::string bytes;
  std::string name;
  std::uint64_t base = 0;  // added to every address
  int offset_size = 8, length_size = 8;
  std::uint64_t root = 0;  // address of the root group's object header
};

// Throws Error: "[file] place: problem".
[[noreturn]] void corrupt(const Image& image, std::string_view place, std::string_view problem);

// A bounds-checked little-endian read position within [begin, end) of the file.
class Cursor {
 public:
  // `length` bytes at `address` (relative to the base). Error if they are not all in the file.
  Cursor(const Image& image, std::string_view place, std::uint64_t address, std::uint64_t length);
  // From `address` to the end of the file.
  Cursor(const Image& image, std::string_view place, std::uint64_t address);

  std::uint64_t uint(int size);
  std::uint8_t u8() { return static_cast<std::uint8_t>(uint(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(uint(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(uint(4)); }
  std::uint64_t offset() { return uint(image_->offset_size); }
  std::uint64_t length() { return uint(image_->length_size); }
  std::string_view take(std::uint64_t size);
  void skip(std::uint64_t size) { take(size); }
  // Advances to a multiple of 8 bytes from where this cursor began.
  void align8();
  std::uint64_t remaining() const { return static_cast<std::uint64_t>(data_.size()) - position_; }
  // Error unless the next four bytes are `signature`.
  void expect(std::string_view signature);
  // The address of the next byte.
  std::uint64_t address() const { return address_ + position_; }
  [[noreturn]] void fail(std::string_view problem) const { corrupt(*image_, place_, problem); }
  // A cursor over the next `size` bytes, which this one skips.
  Cursor sub(std::uint64_t size);

 private:
  const Image* image_;
  std::string place_;
  std::uint64_t address_;
  std::string_view data_;
  std::uint64_t position_ = 0;
};

// True for the address that means "none" (all bits set).
bool is_undefined(const Image& image, std::uint64_t address);
// a * b, or Error.
std::uint64_t multiply(const Image& image, std::string_view place, std::uint64_t a, std::uint64_t b);

// Finds the superblock and fills in the encoding and the root. Error if there is none, or the file is shorter than it says.
void read_superblock(Image& image);

enum class TypeClass : std::uint8_t { kInteger, kFloat, kString, kVariableString, kOther };

struct Datatype {
  TypeClass type_class = TypeClass::kOther;
  std::uint32_t size = 0;  // bytes of one element in the file
  bool is_signed = false;
  bool big_endian = false;
  int raw_class = 0;  // HDF5's number, for errors
};

struct Dataspace {
  bool null = false;
  std::vector<std::uint64_t> extents;  // empty: a scalar
};

Datatype read_datatype(Cursor& cursor);
Dataspace read_dataspace(Cursor& cursor);
// The product of the extents, 0 for a null space. Error on overflow.
std::uint64_t elements(const Image& image, std::string_view place, const Dataspace& space);

struct Attribute {
  std::string name;
  Datatype type;
  Dataspace space;
  std::uint64_t data = 0;  // address
  std::uint64_t bytes = 0;
};

enum class Layout : std::uint8_t { kNone, kCompact, kContiguous, kChunked, kUnsupported };

struct Filter {
  int id = 0;
  std::uint32_t first_value = 0;  // element size of shuffle
};

// What an object header says, be it a group's or a data set's.
struct Object {
  bool is_group = false, is_dataset = false;
  std::string unsupported;  // a reason why its contents cannot be read, or empty
  std::uint64_t tree = 0, heap = 0;
  bool has_symbol_table = false;
  std::map<std::string, std::uint64_t> links;  // compact links, name -> address
  std::vector<Attribute> attributes;
  Datatype type;
  Dataspace space;
  Layout layout = Layout::kNone;
  std::uint64_t data = 0, bytes = 0;  // contiguous, compact; the B-tree's address for chunked
  std::vector<std::uint32_t> chunk;   // extents of a chunk, the last is the element size
  std::vector<Filter> filters;
};

Object read_object(const Image& image, std::string_view place, std::uint64_t address);
// The members of a symbol-table group.
std::map<std::string, std::uint64_t> read_symbol_table(const Image& image, std::string_view place, const Object& group);
// The elements of a data set as they are stored (byte order not changed). Error if a part of it is missing.
std::string read_data(const Image& image, std::string_view place, const Object& dataset);
// The object `index` of the global heap at `address`.
std::string_view read_global_heap(const Image& image, std::string_view place, std::uint64_t address, std::uint32_t index);

}  // namespace tutti::hdf5
