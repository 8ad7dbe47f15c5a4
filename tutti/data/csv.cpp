#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/datasets.h"

namespace fs = std::filesystem;

namespace tutti::datasets {
namespace {

using Row = std::vector<std::string>;

// Splits RFC 4180 text: fields may be quoted, "" is a quote.
class Reader {
 public:
  Reader(std::string_view text, char separator, std::string name)
      : text_(text), separator_(separator), name_(std::move(name)) {}

  // False at the end. Empty lines are skipped.
  bool next(Row& row) {
    while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) end_line();
    if (at_ >= text_.size()) return false;
    row.clear();
    while (true) {
      row.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted() : plain());
      if (at_ >= text_.size() || text_[at_] != separator_) break;
      ++at_;
    }
    if (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r')
      fail("csv", "{} line {}: text after a closing quote.", name_, line_);
    row_line_ = line_;
    return true;
  }
  // The line of the row that was read last, from 1.
  std::int64_t line() const { return row_line_; }

 private:
  void end_line() { line_ += text_[at_++] == '\n'; }
  std::string plain() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  std::string quoted() {
    std::string field;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"' && (at_ + 1 >= text_.size() || text_[at_ + 1] != '"')) return ++at_, field;
      if (text_[at_] == '"') ++at_;
      line_ += text_[at_] == '\n';
      field += text_[at_];
    }
    fail("csv", "{} line {}: a quote is not closed.", name_, line_);
  }

  std::string_view text_;
  char separator_;
  std::string name_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1, row_line_ = 0;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <class T>
std::optional<T> number(std::string_view field) {
  const std::string_view text = trimmed(field);
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::size_t column_of(const std::string& wanted, const Row& first, const std::string& name) {
  if (wanted.empty()) return first.size() - 1;
  if (const auto found = std::find(first.begin(), first.end(), wanted); found != first.end())
    return static_cast<std::size_t>(found - first.begin());
  if (const auto index = number<std::size_t>(wanted); index && *index < first.size()) return *index;
  fail("csv", "{} has no label column {}. Expected a name in its first line, or a number from 0 to {}.", name, wanted,
       first.size() - 1);
}

bool is_header(const Row& row, std::size_t label) {
  for (std::size_t i = 0; i < row.size(); ++i)
    if (i != label && !number<float>(row[i])) return true;
  return false;
}

// Class indices and, for words, their names.
std::pair<Tensor, std::vector<std::string>> class_labels(const std::vector<std::string>& fields) {
  constexpr std::int32_t kMaxClasses = 10000;
  Tensor y({static_cast<std::int64_t>(fields.size())}, DType::kInt32);
  const auto labels = y.data<std::int32_t>();
  const bool indices = std::all_of(fields.begin(), fields.end(), [](const std::string& field) {
    const auto value = number<std::int32_t>(field);
    return value && *value >= 0 && *value < kMaxClasses;
  });
  std::vector<std::string> names;
  if (!indices) {
    const std::set<std::string> sorted(fields.begin(), fields.end());
    names.assign(sorted.begin(), sorted.end());
  }
  for (std::size_t i = 0; i < fields.size(); ++i)
    labels[i] = indices ? *number<std::int32_t>(fields[i])
                        : static_cast<std::int32_t>(std::lower_bound(names.begin(), names.end(), fields[i]) - names.begin());
  return {y, names};
}

}  // namespace

Dataset csv(const fs::path& path, const CsvOptions& options) {
  const std::string name = path.string(), text = read_file(path);
  Reader reader(text, options.separator, name);
  Row row;
  if (!reader.next(row)) fail("csv", "{} is empty.", name);
  const std::size_t columns = row.size(), label = column_of(options.label_column, row, name);
  if (columns < 2) fail("csv", "{} has one column. Expected features and a label, separated by '{}'.", name, options.separator);
  std::vector<float> features;
  std::vector<std::string> labels;
  for (bool more = is_header(row, label) ? reader.next(row) : true; more; more = reader.next(row)) {
    if (row.size() != columns)
      fail("csv", "{} line {}: expected {} columns. Got {}.", name, reader.line(), columns, row.size());
    for (std::size_t i = 0; i < columns; ++i) {
      if (i == label) continue;
      const auto value = number<float>(row[i]);
      if (!value) fail("csv", "{} line {}, column {}: expected a number. Got \"{}\".", name, reader.line(), i + 1, row[i]);
      features.push_back(*value);
    }
    labels.emplace_back(trimmed(row[label]));
  }
  if (labels.empty()) fail("csv", "{} has a header but no rows.", name);
  const auto rows = static_cast<std::int64_t>(labels.size());
  const Tensor x = Tensor::of<float>({rows, static_cast<std::int64_t>(columns) - 1}, features);
  if (!options.regression) {
    auto [y, names] = class_labels(labels);
    return Dataset::from_tensors(x, y, std::move(names));
  }
  Tensor y({rows, 1});
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto value = number<float>(labels[i]);
    if (!value) fail("csv", "{} row {}: expected a number as target. Got \"{}\".", name, i + 1, labels[i]);
    y.data<float>()[i] = *value;
  }
  return Dataset::from_tensors(x, y);
}

}  // namespace tutti::datasets
