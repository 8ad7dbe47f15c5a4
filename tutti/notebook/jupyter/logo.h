// The kernel's picture in a launcher: four players of one orchestra, and C++'s plus signs.
#pragma once

#include <string>

namespace tutti::jupyter {

std::string logo_svg();
// size x size pixels.
std::string logo_png(int size);

}  // namespace tutti::jupyter
