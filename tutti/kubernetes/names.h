// Names as Kubernetes takes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tutti {

// Parts joined by '-' as an object's name (RFC 1123 label): lower case letters, digits and '-', at most `longest`. Where
// something had to be changed or cut, eight digits of a hash of the parts keep it apart from others.
std::string object_name(const std::vector<std::string>& parts, std::size_t longest = 63);
// A label's value: letters, digits, '-', '_' and '.', at most 63, a letter or digit at both ends; with a hash likewise.
std::string label_value(const std::string& text);

// The same on every machine (FNV-1a).
std::uint32_t stable_hash(const std::string& text);

// The labels of every object that tutti makes. Two stores may have runs of the same names: a run's id is its alone.
inline constexpr const char* kExperimentLabel = "tutti/experiment";
inline constexpr const char* kIdLabel = "tutti/run-id";
inline constexpr const char* kRunLabel = "tutti/run";
inline constexpr const char* kMemberLabel = "tutti/member";
inline constexpr const char* kOwnerLabel = "tutti/owner";

}  // namespace tutti
