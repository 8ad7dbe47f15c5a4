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

}  // namespace tutti
