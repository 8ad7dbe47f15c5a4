#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <vector>

#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/formats/tensorboard/event_writer.h"
#include "tutti/nn/callbacks.h"

namespace tutti {
namespace {

// A reader of event files made from the format's description, apart from the writer.
struct Event {
  double wall_time = 0;
  std::int64_t step = 0;
  std::string file_version, tag;
  float value = 0;
};

class EventReader {
 public:
  explicit EventReader(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }
  template <class T>
  T fixed() {
    T value{};
    if (bytes_.size() < sizeof(T)) throw std::runtime_error("record ends too early");
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view take(std::size_t size) {
    if (bytes_.size() < size) throw std::runtime_error("record ends too early");
    const std::string_view part = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return part;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = fixed<std::uint8_t>();
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
  }

 private:
  std::string_view bytes_;
};

std::uint32_t unmasked(std::uint32_t masked) {
  const std::uint32_t rotated = masked - 0xA282EAD8u;
  return rotated >> 17 | rotated << 15;
}

void read_value(std::string_view bytes, Event& event) {
  EventReader reader(bytes);
  while (!reader.done()) {
    const std::uint64_t key = reader.varint();
    if (key == (1 << 3 | 2)) {
      event.tag = reader.take(reader.varint());
    } else {
      ASSERT_EQ(key, 2u << 3 | 5u);
      event.value = reader.fixed<float>();
    }
  }
}

std::vector<Event> read_events(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  EventReader file(bytes);
  std::vector<Event> events;
  while (!file.done()) {
    const std::string_view length_bytes = file.take(8);
    std::uint64_t length = 0;
    std::memcpy(&length, length_bytes.data(), 8);
    EXPECT_EQ(unmasked(file.fixed<std::uint32_t>()), crc32c(length_bytes));
    const std::string_view data = file.take(length);
    EXPECT_EQ(unmasked(file.fixed<std::uint32_t>()), crc32c(data));
    EventReader reader(data);
    Event& event = events.emplace_back();
    while (!reader.done()) {
      switch (reader.varint()) {
        case 1 << 3 | 1:
          event.wall_time = reader.fixed<double>();
          break;
        case 2 << 3 | 0:
          event.step = static_cast<std::int64_t>(reader.varint());
          break;
        case 3 << 3 | 2:
          event.file_version = reader.take(reader.varint());
          break;
        case 5 << 3 | 2: {
          EventReader summary(reader.take(reader.varint()));
          EXPECT_EQ(summary.varint(), 1u << 3 | 2u);
          read_value(summary.take(summary.varint()), event);
          break;
        }
        default:
          ADD_FAILURE() << "unknown field";
          return events;
      }
    }
  }
  return events;
}

std::filesystem::path only_file(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  EXPECT_EQ(files.size(), 1u);
  return files.front();
}

// Test vectors of RFC 3720, appendix B.4.
TEST(Crc32c, IsThatOfTheStandard) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(EventWriter, WritesRecordsThatAnotherReaderUnderstands) {
  const TemporaryFolder temporary;
  const std::filesystem::path& folder = temporary.path();
  EventWriter writer(folder);
  writer.scalar("epoch_loss", 0.25, 0);
  writer.scalar("epoch_loss", -1e-3, 300);
  writer.flush();
  EXPECT_TRUE(writer.path().filename().string().starts_with("events.out.tfevents."));
  const std::vector<Event> events = read_events(writer.path());
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].file_version, "brain.Event:2");
  EXPECT_GT(events[0].wall_time, 1.6e9);
  EXPECT_EQ(events[1].tag, "epoch_loss");
  EXPECT_EQ(events[1].value, 0.25f);
  EXPECT_EQ(events[2].step, 300);
  EXPECT_EQ(events[2].value, -1e-3f);
}

TEST(EventWriter, SaysWhichFileItCannotMake) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "file", "not a folder");
  EXPECT_THROW(EventWriter{folder.path() / "file" / "train"}, Error);
}

TEST(TensorBoard, SortsTheLogsIntoTrainAndValidation) {
  const TemporaryFolder temporary;
  const std::filesystem::path& folder = temporary.path();
  const CallbackPtr callback = TensorBoard(folder);
  FitState state;
  for (state.epoch = 0; state.epoch < 2; ++state.epoch) {
    Logs logs{{"loss", 1.0 - state.epoch}, {"accuracy", 0.5}, {"val_loss", 2.0}, {"learning_rate", 0.001}};
    callback->on_epoch_end(state, logs);
  }
  callback->on_train_end(state);
  const std::vector<Event> train = read_events(only_file(folder / "train"));
  ASSERT_EQ(train.size(), 7u);
  EXPECT_EQ(train[1].tag, "epoch_loss");
  EXPECT_EQ(train[3].tag, "epoch_learning_rate");
  EXPECT_EQ(train[4].tag, "epoch_loss");
  EXPECT_EQ(train[4].value, 0.0f);
  EXPECT_EQ(train[4].step, 1);
  const std::vector<Event> validation = read_events(only_file(folder / "validation"));
  ASSERT_EQ(validation.size(), 3u);
  EXPECT_EQ(validation[1].tag, "epoch_loss");
  EXPECT_EQ(validation[1].value, 2.0f);
}

}  // namespace
}  // namespace tutti
