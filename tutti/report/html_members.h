// The sections of the HTML report about the members: their table, their accuracies drawn, their curves, how alike they are.
#pragma once

#include <string>

#include "tutti/report/results.h"

namespace tutti {

std::string members_section(const RunResults& results);
std::string accuracies_section(const RunResults& results);
std::string curves_section(const RunResults& results);
// Empty if there are fewer than two members.
std::string diversity_section(const RunResults& results);

}  // namespace tutti
