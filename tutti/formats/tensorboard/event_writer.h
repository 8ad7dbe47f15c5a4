// TensorBoard event files without TensorFlow.
// Source: tensorflow/core/lib/io/record_writer.h (framing), util/event.proto and framework/summary.proto (content).
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace tutti {

// CRC-32C (Castagnoli), as in iSCSI: of "123456789" it is 0xE3069283.
std::uint32_t crc32c(std::string_view bytes);

// One file of scalars, events.out.tfevents.<seconds>.<host>.<process>, in `folder`, which is created.
class EventWriter {
 public:
  // Error if the file cannot be made.
  explicit EventWriter(const std::filesystem::path& folder);
  // The value of `tag` ("epoch_loss") at `step`.
  void scalar(std::string_view tag, double value, std::int64_t step);
  // Gives what was written to the operating system. Error if that fails.
  void flush();
  const std::filesystem::path& path() const { return path_; }

 private:
  void write_record(std::string_view data);

  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace tutti
