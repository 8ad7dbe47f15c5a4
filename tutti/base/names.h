// Guessing which name a user meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tutti {

// The candidate nearest to `name` by edit distance, for "did you mean"; empty if none is near (more than a third of the
// letters differ).
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace tutti
