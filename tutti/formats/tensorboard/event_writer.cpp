#include "tutti/formats/tensorboard/event_writer.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>

#include "tutti/base/error.h"

namespace tutti {
namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  constexpr std::uint32_t kReversedPolynomial = 0x82F63B78;  // Castagnoli
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ kReversedPolynomial : value >> 1;
    table[i] = value;
  }
  return table;
}

// TFRecord stores checksums rotated and shifted, so that a checksum of data with checksums inside stays good.
std::uint32_t masked_crc32c(std::string_view bytes) {
  constexpr std::uint32_t kMaskDelta = 0xA282EAD8;
  return std::rotr(crc32c(bytes), 15) + kMaskDelta;
}

template <class T>
std::string little_endian(T value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

// --- Protocol buffers: a field is its number and wire type, then its value. ---

enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
  return bytes += static_cast<char>(value);
}
std::string key(std::uint32_t field, WireType type) { return varint(field << 3 | type); }
std::string bytes_field(std::uint32_t field, std::string_view value) {
  return key(field, kBytes) + varint(value.size()) + std::string(value);
}
std::string double_field(std::uint32_t field, double value) {
  return key(field, kFixed64) + little_endian(std::bit_cast<std::uint64_t>(value));
}
std::string float_field(std::uint32_t field, float value) {
  return key(field, kFixed32) + little_endian(std::bit_cast<std::uint32_t>(value));
}
std::string int_field(std::uint32_t field, std::int64_t value) {
  return key(field, kVarint) + varint(static_cast<std::uint64_t>(value));
}

double seconds_now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = make_crc_table();
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) crc = kTable[(crc ^ static_cast<std::uint8_t>(byte)) & 0xFF] ^ crc >> 8;
  return ~crc;
}

EventWriter::EventWriter(const std::filesystem::path& folder) {
  const double now = seconds_now();
  path_ = folder / fmt::format("events.out.tfevents.{:010}.{}.{}", static_cast<std::int64_t>(now), host_name(), getpid());
  std::error_code ignored;  // the open below tells
  std::filesystem::create_directories(folder, ignored);
  // Two runs within a second share the file; a second version record is harmless.
  file_.open(path_, std::ios::binary | std::ios::app);
  if (!file_) fail("TensorBoard", "the file {} cannot be written.", path_.string());
  write_record(double_field(1, now) + bytes_field(3, "brain.Event:2"));
  flush();
}

void EventWriter::scalar(std::string_view tag, double value, std::int64_t step) {
  const std::string entry = bytes_field(1, tag) + float_field(2, static_cast<float>(value));
  write_record(double_field(1, seconds_now()) + int_field(2, step) + bytes_field(5, bytes_field(1, entry)));
}

void EventWriter::flush() {
  file_.flush();
  if (!file_) fail("TensorBoard", "writing to {} failed.", path_.string());
}

void EventWriter::write_record(std::string_view data) {
  const std::string length = little_endian(std::uint64_t{data.size()});
  file_ << length << little_endian(masked_crc32c(length)) << data << little_endian(masked_crc32c(data));
}

}  // namespace tutti
