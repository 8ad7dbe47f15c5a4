#include "tutti/data/python_batch.h"

#include <array>
#include <cstring>
#include <deque>
#include <map>

#include "tutti/base/error.h"

namespace tutti {
namespace {

struct Value {
  enum class Kind { kNone, kInteger, kString, kList, kTuple, kDict, kGlobal, kObject, kMark };
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;   // also of True and False
  std::string_view text;      // a string or a global's "module name"
  std::vector<Value*> items;  // of a list or tuple; key, value, ... of a dict; callable, arguments, state of an object
};
using Kind = Value::Kind;

// The stack machine of pickle. Values live in an arena: pickles may be nested and cyclic as they like.
class Unpickler {
 public:
  Unpickler(std::string_view bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  const Value& run() {
    while (true) {
      const char op = take(1)[0];
      if (op == '.') return *pop();
      step(op);
    }
  }
  [[noreturn]] void bad(std::string_view what) const {
    fail("pickle", "{}: {} at byte {}. Expected a batch of CIFAR.", name_, what, at_);
  }

 private:
  void step(char op) {
    switch (op) {
      case '\x80':
        take(1);
        break;  // PROTO
      case '(':
        push(Kind::kMark);
        break;
      case 'N':
        push(Kind::kNone);
        break;
      case '\x88':
        push_integer(1);
        break;  // NEWTRUE
      case '\x89':
        push_integer(0);
        break;  // NEWFALSE
      case 'K':
        push_integer(number<std::uint8_t>());
        break;
      case 'M':
        push_integer(number<std::uint16_t>());
        break;
      case 'J':
        push_integer(number<std::int32_t>());
        break;
      case 'U':  // SHORT_BINSTRING, SHORT_BINBYTES
      case 'C':
        push_text(Kind::kString, take(number<std::uint8_t>()));
        break;
      case 'T':  // BINSTRING, BINBYTES, BINUNICODE
      case 'B':
      case 'X':
        push_text(Kind::kString, take(number<std::uint32_t>()));
        break;
      case ']':
        push(Kind::kList);
        break;
      case '}':
        push(Kind::kDict);
        break;
      case ')':
        push(Kind::kTuple);
        break;
      case '\x85':
      case '\x86':
      case '\x87':
        push(Kind::kTuple, pop(static_cast<std::size_t>(static_cast<unsigned char>(op) - 0x84)));
        break;
      case 't':
        push(Kind::kTuple, pop_to_mark());
        break;
      case 'a':
        extend(Kind::kList, pop(1));
        break;
      case 'e':
        extend(Kind::kList, pop_to_mark());
        break;
      case 's':
        extend(Kind::kDict, pop(2));
        break;
      case 'u':
        extend(Kind::kDict, pop_to_mark());
        break;
      case 'q':
        memo_[number<std::uint8_t>()] = top();
        break;
      case 'r':
        memo_[number<std::uint32_t>()] = top();
        break;
      case 'h':
        recall(number<std::uint8_t>());
        break;
      case 'j':
        recall(number<std::uint32_t>());
        break;
      case 'c':
        global();
        break;
      case 'R':
        push(Kind::kObject, pop(2));
        break;  // what would be a call is only written down
      case 'b':
        extend(Kind::kObject, pop(1));
        break;
      default:
        bad(fmt::format("an unexpected opcode 0x{:02x}", static_cast<unsigned char>(op)));
    }
  }

  std::string_view take(std::size_t count) {
    if (bytes_.size() - at_ < count) bad("the file is truncated");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) bad("the file is truncated");
    const std::string_view text = take(end - at_);
    take(1);
    return text;
  }
  void global() {
    const std::size_t begin = at_;
    line();
    line();
    const std::string_view text = bytes_.substr(begin, at_ - begin);
    static constexpr std::array<std::string_view, 4> kKnown = {"numpy.core.multiarray\n_reconstruct\n",
                                                               "numpy._core.multiarray\n_reconstruct\n", "numpy\nndarray\n",
                                                               "numpy\ndtype\n"};
    for (const std::string_view known : kKnown)
      if (text == known) return push_text(Kind::kGlobal, text);
    bad("pickled code, which is never executed,");
  }

  void push(Kind kind, std::vector<Value*> items = {}) {
    arena_.push_back({kind, 0, {}, std::move(items)});
    stack_.push_back(&arena_.back());
  }
  void push_integer(std::int64_t value) {
    push(Kind::kInteger);
    stack_.back()->integer = value;
  }
  void push_text(Kind kind, std::string_view text) {
    push(kind);
    stack_.back()->text = text;
  }
  Value* top() {
    if (stack_.empty()) bad("an empty stack");
    return stack_.back();
  }
  Value* pop() {
    Value* value = top();
    stack_.pop_back();
    return value;
  }
  std::vector<Value*> pop(std::size_t count) {
    if (stack_.size() < count) bad("an empty stack");
    std::vector<Value*> values(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return values;
  }
  std::vector<Value*> pop_to_mark() {
    std::size_t count = 0;
    while (count < stack_.size() && stack_[stack_.size() - 1 - count]->kind != Kind::kMark) ++count;
    std::vector<Value*> values = pop(count);
    pop();  // the mark, or the error that there is none
    return values;
  }
  void extend(Kind kind, const std::vector<Value*>& values) {
    if (top()->kind != kind) bad("an opcode for another type");
    top()->items.insert(top()->items.end(), values.begin(), values.end());
  }
  void recall(std::uint32_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) bad("an unknown memo");
    stack_.push_back(found->second);
  }

  std::string_view bytes_, name_;
  std::size_t at_ = 0;
  std::deque<Value> arena_;
  std::vector<Value*> stack_;
  std::map<std::uint32_t, Value*> memo_;
};

const Value* find(const Value& dict, std::string_view key) {
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2)
    if (dict.items[i]->kind == Kind::kString && dict.items[i]->text == key) return dict.items[i + 1];
  return nullptr;
}

bool is_tuple(const Value& value, std::size_t size) { return value.kind == Kind::kTuple && value.items.size() == size; }

// An ndarray is _reconstruct(...) with the state (version, shape, dtype, is_fortran, bytes); the dtype is
// dtype('u1', ...). Empty if it is anything else than a row-major uint8 array (rows, 3072).
std::string_view uint8_rows(const Value& array, std::size_t rows) {
  constexpr std::size_t kPixels = 3072;
  if (array.kind != Kind::kObject || array.items.size() != 3 || !is_tuple(*array.items[2], 5)) return {};
  const std::vector<Value*>& state = array.items[2]->items;
  const Value &shape = *state[1], &dtype = *state[2], &fortran = *state[3], &data = *state[4];
  if (dtype.kind != Kind::kObject || dtype.items.empty() || dtype.items.size() < 2 ||
      dtype.items[0]->text != "numpy\ndtype\n" || dtype.items[1]->items.empty() || dtype.items[1]->items[0]->text != "u1")
    return {};
  if (!is_tuple(shape, 2) || shape.items[0]->integer != static_cast<std::int64_t>(rows) || shape.items[1]->integer != kPixels)
    return {};
  if (fortran.integer != 0 || data.kind != Kind::kString || data.text.size() != rows * kPixels) return {};
  return data.text;
}

}  // namespace

PythonBatch read_python_batch(std::string_view bytes, std::string_view label_key, std::string_view name) {
  Unpickler unpickler(bytes, name);
  const Value& batch = unpickler.run();
  const Value* labels = batch.kind == Kind::kDict ? find(batch, label_key) : nullptr;
  const Value* data = batch.kind == Kind::kDict ? find(batch, "data") : nullptr;
  if (!labels || labels->kind != Kind::kList || !data) unpickler.bad(fmt::format("no dictionary with data and {}", label_key));
  PythonBatch result;
  for (const Value* label : labels->items) {
    if (label->kind != Kind::kInteger) unpickler.bad("a label is no integer");
    result.labels.push_back(label->integer);
  }
  result.pixels = uint8_rows(*data, result.labels.size());
  if (result.pixels.empty()) unpickler.bad(fmt::format("data is no uint8 array ({}, 3072)", result.labels.size()));
  return result;
}

}  // namespace tutti
