#include "tutti/data/npy.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/archive.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

static_assert(std::endian::native == std::endian::little,
              "npy files are little-endian, and so are all machines that we support");

constexpr std::string_view kMagic = "\x93NUMPY";
// NumPy itself refuses ranks above 32.
constexpr std::size_t kMaxRank = 32;
// One array of an npz; guards against a zip bomb.
constexpr std::uint64_t kMaxArrayBytes = std::uint64_t{1} << 36;

struct ElementRow {
  std::string_view descr;
  DType dtype;
};
constexpr ElementRow kElements[] = {{"<f4", DType::kFloat32}, {"<f8", DType::kFloat64}, {"<i4", DType::kInt32},
                                    {"<i8", DType::kInt64},   {"|u1", DType::kUInt8},   {"|b1", DType::kUInt8}};

struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::int64_t>> shape;
};

// The header is a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  Header parse() {
    Header header;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr")
        header.descr = quoted();
      else if (key == "fortran_order")
        header.fortran_order = boolean();
      else if (key == "shape")
        header.shape = tuple();
      else
        bad("an unknown key");
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (!header.descr || !header.fortran_order || !header.shape) bad("no descr, fortran_order or shape");
    return header;
  }

 private:
  [[noreturn]] void bad(std::string_view what) const {
    fail("npy", "{} has a bad header: {} at byte {} of it.", name_, what, at_);
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) bad(fmt::format("no '{}'", c));
  }
  std::string quoted() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') bad("no string (arrays of records or objects are not read)");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) bad("a string without end");
    std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }
  bool boolean() {
    skip_space();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return value;
    }
    bad("no True or False");
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> extents;
    expect('(');
    while (!accept(')')) {
      skip_space();
      std::int64_t extent = 0;
      const auto [end, code] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), extent);
      if (code != std::errc() || extent < 0 || extents.size() == kMaxRank) bad("a bad shape");
      at_ = static_cast<std::size_t>(end - text_.data());
      extents.push_back(extent);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return extents;
  }

  std::string_view text_, name_;
  std::size_t at_ = 0;
};

DType dtype_of_descr(std::string_view descr, std::string_view name) {
  for (const ElementRow& row : kElements)
    if (row.descr == descr) return row.dtype;
  fail("npy", "{} has elements that are not read. Expected <f4, <f8, <i4, <i8, |u1 or |b1. Got {}.", name, descr);
}

// Elements of a Fortran-ordered array in row-major order.
Tensor from_fortran(const char* data, const Shape& shape, DType dtype) {
  Tensor tensor(shape, dtype);
  const std::size_t size = size_of(dtype);
  auto* to = static_cast<char*>(tensor.raw());
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()), 0), strides(index.size(), 1);
  for (std::size_t axis = 1; axis < strides.size(); ++axis)
    strides[axis] = strides[axis - 1] * shape[static_cast<int>(axis) - 1];
  std::int64_t from = 0;
  for (std::int64_t i = 0; i < shape.elements(); ++i) {
    std::memcpy(to + static_cast<std::size_t>(i) * size, data + static_cast<std::size_t>(from) * size, size);
    for (std::size_t axis = index.size(); axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < shape[static_cast<int>(axis)]) break;
      from -= index[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return tensor;
}

}  // namespace

Tensor parse_npy(std::string_view bytes, std::string_view name) {
  if (bytes.size() < 10 || bytes.substr(0, kMagic.size()) != kMagic) fail("npy", "{} is not an npy file.", name);
  const auto major = static_cast<unsigned char>(bytes[6]);
  if (major < 1 || major > 3) fail("npy", "{} has an unknown version. Expected 1, 2 or 3. Got {}.", name, major);
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  std::uint32_t header_bytes = 0;
  if (bytes.size() < 8 + length_bytes) fail("npy", "{} is truncated inside its header.", name);
  std::memcpy(&header_bytes, bytes.data() + 8, length_bytes);
  bytes.remove_prefix(8 + length_bytes);
  if (bytes.size() < header_bytes) fail("npy", "{} is truncated inside its header.", name);
  const Header header = HeaderParser(bytes.substr(0, header_bytes), name).parse();
  bytes.remove_prefix(header_bytes);

  const DType dtype = dtype_of_descr(*header.descr, name);
  std::uint64_t elements = 1;
  for (const std::int64_t extent : *header.shape)
    if (__builtin_mul_overflow(elements, static_cast<std::uint64_t>(extent), &elements)) {
      elements = std::numeric_limits<std::uint64_t>::max();
      break;
    }
  const Shape shape(*header.shape);
  if (elements > bytes.size() / size_of(dtype))
    fail("npy", "{} is truncated. Expected {} elements of {} bytes for shape {}. Got {} bytes.", name, elements, size_of(dtype),
         to_string(shape), bytes.size());
  if (*header.fortran_order && shape.rank() > 1) return from_fortran(bytes.data(), shape, dtype);
  Tensor tensor(shape, dtype);
  if (tensor.bytes() > 0) std::memcpy(tensor.raw(), bytes.data(), tensor.bytes());
  return tensor;
}

Tensor read_npy(const fs::path& path) { return parse_npy(read_file(path, kMaxArrayBytes), path.string()); }

std::string to_npy(const Tensor& tensor) {
  std::string_view descr;
  for (const ElementRow& row : kElements)
    if (row.dtype == tensor.dtype()) {
      descr = row.descr;
      break;
    }
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", descr, to_string(tensor.shape()));
  // The data start at a multiple of 64 bytes; the header ends with a newline.
  const std::size_t prefix = kMagic.size() + 4;
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += {'\x01', '\x00', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  bytes += header;
  bytes.append(static_cast<const char*>(tensor.raw()), tensor.bytes());
  return bytes;
}

void write_npy(const fs::path& path, const Tensor& tensor) { write_file_atomically(path, to_npy(tensor)); }

std::map<std::string, Tensor> read_npz(const fs::path& path) {
  const ZipReader zip(path);
  std::map<std::string, Tensor> arrays;
  for (std::size_t i = 0; i < zip.entries().size(); ++i) {
    std::string name = zip.entries()[i].name;
    if (!name.ends_with(".npy")) continue;
    const Tensor array = parse_npy(zip.read(i, kMaxArrayBytes), path.string() + ":" + name);
    arrays[name.substr(0, name.size() - 4)] = array;
  }
  return arrays;
}

}  // namespace tutti
