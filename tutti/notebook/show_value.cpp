#include "tutti/notebook/show_value.h"

#include <algorithm>
#include <cmath>

namespace tutti {
namespace {

std::optional<MimeBundle>& shown() {
  static std::optional<MimeBundle> value;
  return value;
}

std::optional<History>& drawn() {
  static std::optional<History> history;
  return history;
}

bool is_drawn(const History& history) {
  if (!drawn() || drawn()->epoch != history.epoch) return false;
  // NaN is one's equal here; the logs may have got values by later callbacks.
  return std::ranges::equal(drawn()->values("loss"), history.values("loss"),
                            [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); });
}

}  // namespace

void keep_shown_value(MimeBundle bundle) { shown() = std::move(bundle); }

std::optional<MimeBundle> take_shown_value() {
  drawn().reset();
  return std::exchange(shown(), std::nullopt);
}

void note_drawn_history(const History& history) { drawn() = history; }

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
void show_value(const Shape& value) { keep_shown_value(bundle_of(value)); }
void show_value(const Tensor& value) { keep_shown_value(bundle_of(value)); }
void show_value(const Dataset& value) { keep_shown_value(bundle_of(value)); }
void show_value(const Model& value) { keep_shown_value(bundle_of(value)); }
void show_value(const Sequential& value) { keep_shown_value(bundle_of(value)); }
void show_value(const History& value) {
  MimeBundle bundle = bundle_of(value);
  if (is_drawn(value)) bundle.erase("text/html");
  keep_shown_value(std::move(bundle));
}
void show_value(const ConfusionMatrix& value) { keep_shown_value(bundle_of(value)); }
void show_value(const RunResults& value) { keep_shown_value(mime_bundle(value)); }
void show_value(const Ensemble& value) { keep_shown_value(mime_bundle(value)); }
void show_value(const Score& value) { keep_shown_value(mime_bundle(value)); }
void show_value(const McNemar& value) { keep_shown_value(mime_bundle(value)); }
void show_value(const Diversity& value) { keep_shown_value(mime_bundle(value)); }

}  // namespace tutti
