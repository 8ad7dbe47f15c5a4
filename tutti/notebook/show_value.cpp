#include "tutti/notebook/show_value.h"

namespace tutti {
namespace {

std::optional<MimeBundle>& shown() {
  static std::optional<MimeBundle> value;
  return value;
}

}  // namespace

void keep_shown_value(MimeBundle bundle) { shown() = std::move(bundle); }

std::optional<MimeBundle> take_shown_value() { return std::exchange(shown(), std::nullopt); }

void show_value(bool value) { keep_shown_value(bundle_of(value)); }
void show_value(char value) { keep_shown_value(bundle_of(value)); }
void show_value(int value) { keep_shown_value(bundle_of(value)); }
void show_value(long value) { keep_shown_value(bundle_of(value)); }
void show_value(long long value) { keep_shown_value(bundle_of(value)); }
void show_value(unsigned value) { keep_shown_value(bundle_of(value)); }
void show_value(unsigned long value) { keep_shown_value(bundle_of(value)); }
void show_value(unsigned long long value) { keep_shown_value(bundle_of(value)); }
void show_value(float value) { keep_shown_value(bundle_of(value)); }
void show_value(double value) { keep_shown_value(bundle_of(value)); }
void show_value(const char* value) { keep_shown_value(bundle_of(value)); }
void show_value(const std::string& value) { keep_shown_value(bundle_of(value)); }
void show_value(const std::vector<int>& value) { keep_shown_value(bundle_of(value)); }
void show_value(const std::vector<float>& value) { keep_shown_value(bundle_of(value)); }
void show_value(const std::vector<double>& value) { keep_shown_value(bundle_of(value)); }
void show_value(const std::vector<std::string>& value) { keep_shown_value(bundle_of(value)); }
void show_value(const Tensor& value) { keep_shown_value(bundle_of(value)); }
void show_value(const Dataset& value) { keep_shown_value(bundle_of(value)); }
void show_value(const Model& value) { keep_shown_value(bundle_of(value)); }
void show_value(const Sequential& value) { keep_shown_value(bundle_of(value)); }
void show_value(const History& value) { keep_shown_value(bundle_of(value)); }

}  // namespace tutti
