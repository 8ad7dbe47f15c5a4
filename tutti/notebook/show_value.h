// The value of a notebook's cell: what the interpreter makes of a last expression without ';'.
#pragma once

#include <optional>

#include "tutti/base/display.h"
#include "tutti/notebook/show.h"

namespace tutti {

// Keeps the forms of a cell's value until take_shown_value().
void keep_shown_value(MimeBundle bundle);
// The last one that was kept, if any, which is then forgotten.
std::optional<MimeBundle> take_shown_value();

// The interpreter calls this with the expression.
template <class T>
void show_value(const T& value) {
  keep_shown_value(bundle_of(value));
}

}  // namespace tutti
