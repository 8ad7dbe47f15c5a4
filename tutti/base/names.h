// Guessing which name a user meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tutti {

// The candidate nearest to `name` by edit distance, for "did you mean"; empty if none is near (more than a third of the
// letters differ).
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

// The end of an error's message about an unknown name: "Did you mean 'epochs'?"; if none is near "Expected one of a, b, c.",
// which may begin in another way.
std::string hint(std::string_view name, const std::vector<std::string>& candidates, std::string_view list = "Expected one of");

}  // namespace tutti
