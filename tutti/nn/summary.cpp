// Keras 3's summary table (keras/src/utils/summary_utils.py, drawn there by rich).
#include <algorithm>
#include <string>
#include <vector>

#include "tutti/base/error.h"
#include "tutti/nn/model_state.h"

namespace tutti {
namespace {

// Columns of text, left or right aligned, every row between lines.
struct Column {
  std::string title;
  int width;
  bool right = false;
};

std::size_t columns_of(std::string_view text) {  // UTF-8 code points
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

// rich: words that do not fit go to the next line; a word longer than the column ends in an ellipsis.
std::vector<std::string> wrap(const std::string& text, int width) {
  std::vector<std::string> lines;
  std::string line;
  const auto flush = [&] {
    if (!line.empty()) lines.push_back(line);
    line.clear();
  };
  std::size_t at = 0;
  while (at <= text.size()) {
    std::size_t end = text.find_first_of(" \n", at);
    if (end == std::string::npos) end = text.size();
    std::string word = text.substr(at, end - at);
    if (word.size() > static_cast<std::size_t>(width)) word = word.substr(0, static_cast<std::size_t>(width - 1)) + "…";
    if (!line.empty() && columns_of(line) + 1 + columns_of(word) > static_cast<std::size_t>(width)) flush();
    // "(None, 32, 32)" holds spaces, but Keras's shapes fit or are cut as words too.
    line += (line.empty() ? "" : " ") + word;
    if (end < text.size() && text[end] == '\n') flush();
    at = end + 1;
  }
  flush();
  if (lines.empty()) lines.emplace_back();
  return lines;
}

std::string repeat(const char* what, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += what;
  return text;
}

std::string rule(const std::vector<Column>& columns, const char* left, const char* line, const char* middle,
                 const char* right) {
  std::string text = left;
  for (std::size_t i = 0; i < columns.size(); ++i) text += (i ? middle : "") + repeat(line, columns[i].width + 2);
  return text + right + "\n";
}

std::string row(const std::vector<Column>& columns, const std::vector<std::string>& cells, const char* bar) {
  std::vector<std::vector<std::string>> lines;
  std::size_t height = 1;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    lines.push_back(wrap(cells[i], columns[i].width));
    height = std::max(height, lines.back().size());
  }
  std::string text;
  for (std::size_t line = 0; line < height; ++line) {
    text += bar;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string cell = line < lines[i].size() ? lines[i][line] : "";
      const std::string space(static_cast<std::size_t>(columns[i].width) - columns_of(cell), ' ');
      text += fmt::format(" {}{}{} {}", columns[i].right ? space : "", cell, columns[i].right ? "" : space, bar);
    }
    text += "\n";
  }
  return text;
}

std::string with_commas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string memory_size(std::int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KB", "MB", "GB", "TB", "PB"};
  double size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1024 && unit + 1 < std::size(kUnits)) size /= 1024, ++unit;
  return fmt::format("{:.2f} {}", size, kUnits[unit]);
}

std::string count_line(const char* what, std::int64_t count) {
  return fmt::format(" {}: {} ({})\n", what, with_commas(count), memory_size(count * 4));
}

// "conv2d[0][0]" for each input of each call of the layer.
std::string connections(const Model& model, const Layer* layer) {
  std::string text;
  for (const ModelNode& node : model.nodes()) {
    if (node.layer.get() != layer) continue;
    for (const int input : node.inputs) {
      int call = 0;
      for (int i = 0; i < input; ++i)
        call += model.nodes()[static_cast<std::size_t>(i)].layer == model.nodes()[static_cast<std::size_t>(input)].layer;
      text += fmt::format("{}{}[{}][0]", text.empty() ? "" : ",\n", model.nodes()[static_cast<std::size_t>(input)].layer->name,
                          call);
    }
  }
  return text.empty() ? "-" : text;
}

// The widths of Keras on a terminal of 80 columns, in proportion for others.
std::vector<Column> make_columns(bool sequential, int width) {
  if (width <= 0) width = 80;
  const auto scaled = [&](int at_80) { return std::max(8, at_80 * width / 80); };
  if (sequential) return {{"Layer (type)", scaled(31)}, {"Output Shape", scaled(22)}, {"Param #", scaled(13), true}};
  return {
      {"Layer (type)", scaled(19)}, {"Output Shape", scaled(17)}, {"Param #", scaled(10), true}, {"Connected to", scaled(17)}};
}

}  // namespace

std::string Model::summary_text(int width) const {
  const std::vector<Column> columns = make_columns(is_sequential(), width);
  std::string text = fmt::format("Model: \"{}\"\n", name()) + rule(columns, "┏", "━", "┳", "┓");
  std::vector<std::string> titles;
  for (const Column& column : columns) titles.push_back(column.title);
  text += row(columns, titles, "┃") + rule(columns, "┡", "━", "╇", "┩");
  std::int64_t trained = 0, frozen = 0;
  bool first = true;
  for (const LayerPtr& layer : layers()) {
    std::int64_t params = 0;
    for (const Weight& weight : layer->weights()) {
      params += weight.shape.elements();
      (layer->trainable && !weight.is_statistic ? trained : frozen) += weight.shape.elements();
    }
    if (is_sequential() && layer->class_name() == "InputLayer") continue;
    const auto node = std::ranges::find(nodes(), layer, &ModelNode::layer);
    std::vector<std::string> cells{fmt::format("{} ({})", layer->name, layer->class_name()), to_string(node->shape),
                                   with_commas(params)};
    if (!is_sequential()) cells.push_back(connections(*this, layer.get()));
    text += (first ? "" : rule(columns, "├", "─", "┼", "┤")) + row(columns, cells, "│");
    first = false;
  }
  text += rule(columns, "└", "─", "┴", "┘");
  // Keras counts the optimizer's variables once they exist: the slots, the step counter and the learning rate.
  std::int64_t optimizer = 0;
  if (state_->programs && state_->programs->has_trainer()) {
    const OptimizerRule& optimizer_rule = state_->compiled->optimizer.rule();
    optimizer = trained * static_cast<std::int64_t>(optimizer_rule.slots().size()) + 2 +
                static_cast<std::int64_t>(optimizer_rule.scalars().size());
  }
  text += count_line("Total params", trained + frozen + optimizer) + count_line("Trainable params", trained) +
          count_line("Non-trainable params", frozen);
  if (optimizer > 0) text += count_line("Optimizer params", optimizer);
  return text;
}

}  // namespace tutti
