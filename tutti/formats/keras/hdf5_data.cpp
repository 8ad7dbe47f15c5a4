// The elements of data sets: contiguous, compact, or in chunks that filters have packed.
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "tutti/base/error.h"
#include "tutti/formats/keras/hdf5_format.h"

namespace tutti::hdf5 {
namespace {

constexpr int kDeflate = 1, kShuffle = 2, kFletcher32 = 3;
// Deflate cannot pack more than 1032 bytes into one (zlib's technical notes); anything that claims more is hostile.
constexpr std::uint64_t kMaxInflation = 1040;

struct Chunk {
  std::uint64_t address = 0, bytes = 0;
  std::uint32_t skipped_filters = 0;
  std::vector<std::uint64_t> origin;  // first element, per axis
};

class ChunkReader {
 public:
  ChunkReader(const Image& image, std::string_view place, const Object& dataset)
      : image_(image), place_(place), dataset_(dataset), rank_(dataset.space.extents.size()) {}

  std::string read() {
    check_shape();
    read_node(dataset_.data, -1);
    const std::uint64_t bytes = check_chunks();
    std::string values(bytes, '\0');
    for (const Chunk& chunk : chunks_) copy(chunk, unpack(chunk), values);
    return values;
  }

 private:
  void check_shape() {
    if (dataset_.chunk.size() != rank_ + 1 || dataset_.chunk.back() != dataset_.type.size) {
      corrupt(image_, place_, "the shape of its chunks does not fit.");
    }
    chunk_bytes_ = 1;
    for (const std::uint32_t extent : dataset_.chunk) {
      if (extent == 0) corrupt(image_, place_, "its chunks are empty.");
      chunk_bytes_ = multiply(image_, place_, chunk_bytes_, extent);
    }
    for (const Filter& filter : dataset_.filters) {
      if (filter.id == kDeflate) deflated_ = true;
      if (filter.id != kDeflate && filter.id != kShuffle && filter.id != kFletcher32) {
        corrupt(image_, place_, fmt::format("its compression is not supported. Expected gzip. Got HDF5 filter {}.", filter.id));
      }
    }
  }

  void read_node(std::uint64_t address, int parent_level) {
    if (!visited_.insert(address).second) corrupt(image_, place_, "the index of its chunks refers to itself.");
    Cursor node(image_, place_, address);
    node.expect("TREE");
    if (node.u8() != 1) node.fail("the index of its chunks is damaged.");
    const int level = node.u8();
    if (parent_level >= 0 && level != parent_level - 1) node.fail("the index of its chunks is damaged.");
    const int used = node.u16();
    node.offset();
    node.offset();
    for (int i = 0; i < used; ++i) {
      Chunk chunk;
      chunk.bytes = node.u32();
      chunk.skipped_filters = node.u32();
      for (std::size_t axis = 0; axis < rank_; ++axis) chunk.origin.push_back(node.uint(8));
      node.skip(8);
      chunk.address = node.offset();
      if (level > 0) {
        read_node(chunk.address, level);
      } else {
        chunks_.push_back(std::move(chunk));
      }
    }
  }

  // Every chunk of the grid is there, once, and is large enough to hold what it should. Returns the data set's bytes.
  std::uint64_t check_chunks() {
    std::uint64_t expected = 1;
    for (std::size_t axis = 0; axis < rank_; ++axis) {
      const std::uint64_t extent = dataset_.space.extents[axis], size = dataset_.chunk[axis];
      expected = multiply(image_, place_, expected, extent / size + (extent % size != 0));
    }
    std::set<std::vector<std::uint64_t>> seen;
    std::uint64_t stored = 0;
    for (const Chunk& chunk : chunks_) {
      for (std::size_t axis = 0; axis < rank_; ++axis) {
        if (chunk.origin[axis] >= dataset_.space.extents[axis] || chunk.origin[axis] % dataset_.chunk[axis] != 0) {
          corrupt(image_, place_, "a chunk lies outside the data set.");
        }
      }
      // Chunks that share their bytes would make a small file unpack without bounds.
      stored += chunk.bytes;
      if (stored > image_.bytes.size()) corrupt(image_, place_, "its chunks are larger than the file.");
      if (chunk_bytes_ > (deflated_ ? multiply(image_, place_, chunk.bytes, kMaxInflation) : chunk.bytes)) {
        corrupt(image_, place_, "a chunk is too small for what it should hold.");
      }
      seen.insert(chunk.origin);
    }
    if (seen.size() != expected || chunks_.size() != expected) {
      corrupt(image_, place_, fmt::format("parts of it are missing. Expected {} chunks. Got {}.", expected, seen.size()));
    }
    return multiply(image_, place_, elements(image_, place_, dataset_.space), dataset_.type.size);
  }

  std::string unpack(const Chunk& chunk) const {
    std::string data(Cursor(image_, place_, chunk.address, chunk.bytes).take(chunk.bytes));
    for (std::size_t i = dataset_.filters.size(); i-- > 0;) {
      if (i < 32 && (chunk.skipped_filters >> i & 1)) continue;
      const Filter& filter = dataset_.filters[i];
      if (filter.id == kDeflate) data = inflate(data);
      if (filter.id == kShuffle) data = unshuffle(data, filter.first_value);
      if (filter.id == kFletcher32) data.resize(data.size() - std::min<std::size_t>(data.size(), 4));
    }
    if (data.size() != chunk_bytes_) corrupt(image_, place_, "a chunk has not the size that it should have.");
    return data;
  }

  std::string inflate(const std::string& packed) const {
    // A checksum of 4 bytes may follow the data inside.
    std::string data(chunk_bytes_ + 4, '\0');
    auto size = static_cast<uLongf>(data.size());
    const int status = uncompress(reinterpret_cast<Bytef*>(data.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                                  static_cast<uLong>(packed.size()));
    if (status != Z_OK) corrupt(image_, place_, "a compressed chunk is damaged.");
    data.resize(size);
    return data;
  }

  // All first bytes of the elements, then all second ones, ...; a rest stays as it is.
  static std::string unshuffle(const std::string& shuffled, std::size_t element) {
    if (element <= 1) return shuffled;
    const std::size_t count = shuffled.size() / element;
    std::string data = shuffled;
    for (std::size_t byte = 0; byte < element && count > 0; ++byte) {
      for (std::size_t i = 0; i < count; ++i) data[i * element + byte] = shuffled[byte * count + i];
    }
    return data;
  }

  // Copies the part of a chunk that lies inside the data set, a run of the last axis at a time.
  void copy(const Chunk& chunk, const std::string& data, std::string& values) const {
    const auto& extents = dataset_.space.extents;
    const std::size_t element = dataset_.type.size;
    if (rank_ == 0) {
      values = data;
      return;
    }
    const std::size_t last = rank_ - 1;
    const std::uint64_t run = std::min<std::uint64_t>(dataset_.chunk[last], extents[last] - chunk.origin[last]);
    std::vector<std::uint64_t> index(rank_, 0);  // within the chunk
    for (;;) {
      std::uint64_t from = 0, to = 0;
      for (std::size_t axis = 0; axis < rank_; ++axis) {
        from = from * dataset_.chunk[axis] + index[axis];
        to = to * extents[axis] + chunk.origin[axis] + index[axis];
      }
      std::memcpy(values.data() + to * element, data.data() + from * element, run * element);
      std::size_t axis = last;
      for (;;) {
        if (axis == 0) return;
        --axis;
        if (++index[axis] < dataset_.chunk[axis] && chunk.origin[axis] + index[axis] < extents[axis]) break;
        index[axis] = 0;
      }
    }
  }

  const Image& image_;
  std::string_view place_;
  const Object& dataset_;
  std::size_t rank_;
  std::uint64_t chunk_bytes_ = 0;
  bool deflated_ = false;
  std::vector<Chunk> chunks_;
  std::set<std::uint64_t> visited_;
};

}  // namespace

std::string read_data(const Image& image, std::string_view place, const Object& dataset) {
  const std::uint64_t bytes = multiply(image, place, elements(image, place, dataset.space), dataset.type.size);
  if (bytes == 0) return {};
  if (dataset.layout == Layout::kChunked) {
    if (is_undefined(image, dataset.data)) corrupt(image, place, "its values were never written.");
    return ChunkReader(image, place, dataset).read();
  }
  if (dataset.layout != Layout::kContiguous && dataset.layout != Layout::kCompact) {
    corrupt(image, place, "its layout is not supported. Save it again with h5py's default format.");
  }
  if (!dataset.filters.empty()) corrupt(image, place, "only chunks can be compressed.");
  if (dataset.layout == Layout::kCompact) {
    if (bytes > dataset.bytes) corrupt(image, place, "it is shorter than its shape.");
    return std::string(Cursor(image, place, dataset.data, bytes).take(bytes));
  }
  if (is_undefined(image, dataset.data)) corrupt(image, place, "its values were never written.");
  if (bytes > dataset.bytes) {
    corrupt(image, place, fmt::format("it is shorter than its shape. Expected {} bytes. Got {}.", bytes, dataset.bytes));
  }
  return std::string(Cursor(image, place, dataset.data, bytes).take(bytes));
}

}  // namespace tutti::hdf5
