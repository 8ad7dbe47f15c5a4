#include "tutti/kubernetes/names.h"

#include <cctype>

#include <fmt/format.h>

namespace tutti {
namespace {

bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// `text` if it equals `original` and fits, else as much of it as leaves room for the hash.
std::string with_hash(std::string text, const std::string& original, std::size_t longest) {
  const auto trim = [&] {
    while (!text.empty() && !is_alnum(text.back())) text.pop_back();
    std::size_t begin = 0;
    while (begin < text.size() && !is_alnum(text[begin])) ++begin;
    text.erase(0, begin);
  };
  trim();
  if (text == original && text.size() <= longest) return text;
  constexpr std::size_t kHash = 9;  // "-12345678"
  if (text.size() > longest - kHash) text.resize(longest - kHash);
  trim();
  return fmt::format("{}{}{:08x}", text, text.empty() ? "" : "-", stable_hash(original));
}

}  // namespace

std::uint32_t stable_hash(const std::string& text) {
  std::uint32_t hash = 2166136261u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

std::string object_name(const std::vector<std::string>& parts, std::size_t longest) {
  std::string original;
  for (const std::string& part : parts) original += (original.empty() ? "" : "-") + part;
  std::string text;
  for (const char c : original) text += is_alnum(c) ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : '-';
  return with_hash(std::move(text), original, longest);
}

std::string label_value(const std::string& text) {
  std::string value;
  for (const char c : text) value += is_alnum(c) || c == '-' || c == '_' || c == '.' ? c : '-';
  return with_hash(std::move(value), text, 63);
}

}  // namespace tutti
