// Object headers: the messages that describe a group or a data set.
#include <algorithm>
#include <set>
#include <utility>

#include "tutti/base/error.h"
#include "tutti/formats/keras/hdf5_format.h"

namespace tutti::hdf5 {
namespace {

enum Message : int {
  kDataspace = 0x01,
  kLinkInfo = 0x02,
  kDatatype = 0x03,
  kLink = 0x06,
  kLayout = 0x08,
  kFilters = 0x0B,
  kAttribute = 0x0C,
  kContinuation = 0x10,
  kSymbolTable = 0x11,
  kAttributeInfo = 0x15,
};

constexpr int kSharedFlag = 2;  // the message is a reference to a committed object

class ObjectReader {
 public:
  ObjectReader(const Image& image, std::string_view place) : image_(image), place_(place) {}

  Object read(std::uint64_t address) {
    Cursor cursor(image_, place_, address);
    if (cursor.remaining() >= 4 && cursor.sub(4).take(4) == "OHDR") {
      read_version_2(cursor);
    } else {
      read_version_1(Cursor(image_, place_, address));
    }
    while (!continuations_.empty()) {
      const auto [begin, length] = continuations_.back();
      continuations_.pop_back();
      Cursor block(image_, place_, begin, length);
      if (version_ == 1) {
        read_messages(block);
        continue;
      }
      block.expect("OCHK");
      read_messages(without_checksum(block));
    }
    return std::move(object_);
  }

 private:
  void read_version_1(Cursor cursor) {
    version_ = 1;
    const int version = cursor.u8();
    if (version != 1) cursor.fail(fmt::format("this is no object. Expected version 1 or 2 of its header. Got {}.", version));
    cursor.skip(1 + 2 + 4);
    const std::uint64_t size = cursor.u32();
    cursor.skip(4);
    read_messages(cursor.sub(size));
  }

  void read_version_2(Cursor& cursor) {
    version_ = 2;
    const int version = cursor.u8();
    if (version != 2) cursor.fail(fmt::format("unknown version of an object header. Expected 2. Got {}.", version));
    const int flags = cursor.u8();
    if (flags & 0x20) cursor.skip(16);  // four times
    if (flags & 0x10) cursor.skip(4);   // attribute storage limits
    has_creation_order_ = flags & 0x04;
    const std::uint64_t size = cursor.uint(1 << (flags & 3));
    read_messages(cursor.sub(size));
  }

  Cursor without_checksum(Cursor& block) {
    if (block.remaining() < 4) block.fail("an object header ends too early.");
    return block.sub(block.remaining() - 4);
  }

  void read_messages(Cursor messages) {
    const std::uint64_t header = version_ == 1 ? 8 : has_creation_order_ ? 6 : 4;
    while (messages.remaining() >= header) {
      const int type = version_ == 1 ? messages.u16() : messages.u8();
      const std::uint64_t size = messages.u16();
      const int flags = messages.u8();
      if (version_ == 1) messages.skip(3);
      if (version_ == 2 && has_creation_order_) messages.skip(2);
      Cursor body = messages.sub(size);
      read_message(type, flags, body);
    }
  }

  void read_message(int type, int flags, Cursor& body) {
    if ((flags & kSharedFlag) && (type == kDatatype || type == kDataspace || type == kFilters)) {
      object_.unsupported = "it uses a committed data type, which is not supported.";
      return;
    }
    switch (type) {
      case kDataspace:
        object_.space = read_dataspace(body);
        break;
      case kDatatype:
        object_.type = read_datatype(body);
        break;
      case kLayout:
        read_layout(body);
        break;
      case kFilters:
        read_filters(body);
        break;
      case kAttribute:
        if ((flags & kSharedFlag) == 0) read_attribute(body);
        break;
      case kContinuation: {
        const std::uint64_t begin = body.offset();
        const std::uint64_t length = body.length();
        // A block read twice would be a loop.
        if (!visited_.insert(begin).second) body.fail("an object header refers to itself.");
        continuations_.emplace_back(begin, length);
        break;
      }
      case kSymbolTable:
        object_.is_group = object_.has_symbol_table = true;
        object_.tree = body.offset();
        object_.heap = body.offset();
        break;
      case kLink:
        object_.is_group = true;
        read_link(body);
        break;
      case kLinkInfo:
        object_.is_group = true;
        read_dense(body, 8, "its members are");
        break;
      case kAttributeInfo:
        read_dense(body, 2, "its attributes are");
        break;
      default:
        break;  // times, fill values, comments: of no use here
    }
  }

  // Link info and attribute info: where the fractal heap is, if there is one.
  void read_dense(Cursor& body, std::uint64_t order_bytes, std::string_view what) {
    body.skip(1);
    if (body.u8() & 1) body.skip(order_bytes);
    if (!is_undefined(image_, body.offset())) {
      object_.unsupported = fmt::format(
          "{} stored in the \"latest\" HDF5 format, which is not supported. Save it again with h5py's default format.", what);
    }
  }

  void read_link(Cursor& body) {
    body.skip(1);
    const int flags = body.u8();
    const int type = flags & 8 ? body.u8() : 0;
    if (flags & 4) body.skip(8);
    if (flags & 16) body.skip(1);
    const std::uint64_t length = body.uint(1 << (flags & 3));
    const std::string name(body.take(length));
    if (type == 0) object_.links[name] = body.offset();  // soft and external links are as good as absent
  }

  void read_layout(Cursor& body) {
    object_.is_dataset = true;
    const int version = body.u8();
    const int layout = version == 3 || version == 4 ? body.u8() : -1;
    if (layout == 0) {
      object_.layout = Layout::kCompact;
      object_.bytes = body.u16();
      object_.data = body.address();
      body.skip(object_.bytes);
    } else if (layout == 1) {
      object_.layout = Layout::kContiguous;
      object_.data = body.offset();
      object_.bytes = body.length();
    } else if (layout == 2 && version == 3) {
      object_.layout = Layout::kChunked;
      const int rank = body.u8();
      object_.data = body.offset();
      for (int i = 0; i < rank; ++i) object_.chunk.push_back(body.u32());
    } else {
      object_.layout = Layout::kUnsupported;
    }
  }

  void read_filters(Cursor& body) {
    const int version = body.u8();
    const int count = body.u8();
    if (version != 1 && version != 2) body.fail("unknown version of the filter list.");
    if (version == 1) body.skip(6);
    object_.filters.clear();
    for (int i = 0; i < count; ++i) {
      Filter filter;
      filter.id = body.u16();
      const std::uint64_t name = version == 1 || filter.id >= 256 ? body.u16() : 0;
      body.skip(2);
      const int values = body.u16();
      body.skip(version == 1 ? (name + 7) / 8 * 8 : name);
      for (int v = 0; v < values; ++v) {
        const std::uint32_t value = body.u32();
        if (v == 0) filter.first_value = value;
      }
      if (version == 1 && values % 2 == 1) body.skip(4);
      object_.filters.push_back(filter);
    }
  }

  void read_attribute(Cursor& body) {
    const int version = body.u8();
    if (version < 1 || version > 3)
      body.fail(fmt::format("unknown version of an attribute. Expected 1 to 3. Got {}.", version));
    const int flags = body.u8();
    const std::uint64_t name = body.u16(), type = body.u16(), space = body.u16();
    if (version == 3) body.skip(1);
    const auto padded = [version](std::uint64_t size) { return version == 1 ? (size + 7) / 8 * 8 : size; };
    Attribute attribute;
    attribute.name = body.take(padded(name)).substr(0, name);
    attribute.name.resize(std::min(attribute.name.find('\0'), attribute.name.size()));
    const bool shared = version > 1 && flags != 0;
    Cursor type_body = body.sub(padded(type));
    if (!shared) attribute.type = read_datatype(type_body);
    Cursor space_body = body.sub(padded(space));
    if (!shared) attribute.space = read_dataspace(space_body);
    attribute.data = body.address();
    attribute.bytes = body.remaining();
    object_.attributes.push_back(std::move(attribute));
  }

  const Image& image_;
  std::string_view place_;
  int version_ = 1;
  bool has_creation_order_ = false;
  Object object_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> continuations_;
  std::set<std::uint64_t> visited_;
};

// The names and addresses of a symbol-table group.
class SymbolTableReader {
 public:
  SymbolTableReader(const Image& image, std::string_view place, const Object& group) : image_(image), place_(place) {
    Cursor heap(image, place, group.heap);
    heap.expect("HEAP");
    heap.skip(4);
    const std::uint64_t size = heap.length();
    heap.length();
    names_ = Cursor(image, place, heap.offset(), size).take(size);
    read_node(group.tree, -1);
  }
  std::map<std::string, std::uint64_t> take() { return std::move(entries_); }

 private:
  // `parent_level` is -1 for the root, whose level may be any.
  void read_node(std::uint64_t address, int parent_level) {
    if (!visited_.insert(address).second) corrupt(image_, place_, "the group's index refers to itself.");
    Cursor node(image_, place_, address);
    node.expect("TREE");
    if (node.u8() != 0) node.fail("the group's index is damaged.");
    const int level = node.u8();
    if (parent_level >= 0 && level != parent_level - 1) node.fail("the group's index is damaged.");
    const int used = node.u16();
    node.offset();
    node.offset();
    node.length();
    for (int i = 0; i < used; ++i) {
      const std::uint64_t child = node.offset();
      node.length();
      if (level > 0) {
        read_node(child, level);
      } else {
        read_symbols(child);
      }
    }
  }

  void read_symbols(std::uint64_t address) {
    if (!visited_.insert(address).second) corrupt(image_, place_, "the group's index refers to itself.");
    Cursor node(image_, place_, address);
    node.expect("SNOD");
    node.skip(2);
    const int count = node.u16();
    for (int i = 0; i < count; ++i) {
      const std::uint64_t name = node.offset();
      const std::uint64_t object = node.offset();
      const std::uint32_t cache = node.u32();
      node.skip(4 + 16);
      if (name >= names_.size()) node.fail("a name lies outside the group's heap.");
      const std::string_view tail = names_.substr(name);
      constexpr std::uint32_t kSoftLink = 2;
      if (cache != kSoftLink) entries_.emplace(std::string(tail.substr(0, tail.find('\0'))), object);
    }
  }

  const Image& image_;
  std::string_view place_;
  std::string_view names_;
  std::map<std::string, std::uint64_t> entries_;
  std::set<std::uint64_t> visited_;
};

}  // namespace

Object read_object(const Image& image, std::string_view place, std::uint64_t address) {
  return ObjectReader(image, place).read(address);
}

std::map<std::string, std::uint64_t> read_symbol_table(const Image& image, std::string_view place, const Object& group) {
  return SymbolTableReader(image, place, group).take();
}

}  // namespace tutti::hdf5
