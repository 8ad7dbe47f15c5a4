// libFuzzer: any bytes given to the reader of Keras files are a model or an Error, nothing else.
#include <nlohmann/json.hpp>
#include <string>

#include "tutti/base/error.h"
#include "tutti/base/log.h"
#include "tutti/formats/keras/hdf5_reader.h"
#include "tutti/formats/keras/keras.h"

namespace {

constexpr int kMaxDepth = 8;  // a hostile group may hold itself

void read_everything(const tutti::Hdf5Reader& file, const std::string& path, int depth, int& budget) {
  if (depth > kMaxDepth || --budget < 0) return;
  try {
    for (const char* name : {"layer_names", "weight_names", "name"}) file.strings_attribute(path, name);
    if (!file.is_group(path)) {
      file.dataset(path);
      return;
    }
    for (const std::string& child : file.children(path)) read_everything(file, path + "/" + child, depth + 1, budget);
  } catch (const tutti::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  tutti::set_log_level(tutti::LogLevel::kError);
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  try {
    int budget = 500;
    read_everything(tutti::Hdf5Reader(bytes, "fuzz.h5"), "", 0, budget);
    // Uncompiled: training programs are the engines', not the reader's.
    tutti::load_model_from_bytes(bytes, "fuzz.h5", false);
  } catch (const tutti::Error&) {
  }
  return 0;
}
