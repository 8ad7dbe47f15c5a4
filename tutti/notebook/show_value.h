// The value of a notebook's cell: what the interpreter makes of a last expression without ';'.
#pragma once

#include <optional>

#include "tutti/base/display.h"
#include "tutti/notebook/show.h"

namespace tutti {

// Keeps the forms of a cell's value until take_shown_value().
void keep_shown_value(MimeBundle bundle);
// The last one that was kept, if any, which is then forgotten: a cell begins and ends with it.
std::optional<MimeBundle> take_shown_value();

// A live display has drawn the curves of this fit: the same History as the value of the same cell needs none.
void note_drawn_history(const History& history);

// The interpreter calls this with the expression. Of the usual types it is compiled in the library: what a cell instantiates,
// it compiles, which takes a tenth of a second.
void show_value(bool value);
void show_value(char value);
void show_value(int value);
void show_value(long value);
void show_value(long long value);
void show_value(unsigned value);
void show_value(unsigned long value);
void show_value(unsigned long long value);
void show_value(float value);
void show_value(double value);
void show_value(const char* value);
void show_value(const std::string& value);
void show_value(const std::vector<int>& value);
void show_value(const std::vector<float>& value);
void show_value(const std::vector<double>& value);
void show_value(const std::vector<std::string>& value);
void show_value(const Shape& value);
void show_value(const Tensor& value);
void show_value(const Dataset& value);
void show_value(const Model& value);
void show_value(const Sequential& value);
// As text alone, if this cell's live display has just drawn its curves.
void show_value(const History& value);
void show_value(const ConfusionMatrix& value);
void show_value(const RunResults& value);
void show_value(const Ensemble& value);
void show_value(const Score& value);
void show_value(const McNemar& value);
void show_value(const Diversity& value);
template <class T>
void show_value(const T& value) {
  keep_shown_value(bundle_of(value));
}

}  // namespace tutti
