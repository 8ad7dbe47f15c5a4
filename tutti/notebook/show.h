// Placeholder until the display branch is merged.
#pragma once
#include <sstream>
#include "tutti/base/display.h"
namespace tutti {
template <class T>
MimeBundle bundle_of(const T& value) {
  std::ostringstream out;
  out << value;
  return {{"text/plain", out.str()}};
}
}  // namespace tutti
