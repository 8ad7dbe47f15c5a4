// Text in HTML and SVG.
#pragma once

#include <string>
#include <string_view>

namespace tutti {

// & < > " as entities; control characters, which neither HTML nor XML may hold, as U+FFFD. Tab and line ends stay.
std::string escape_html(std::string_view text);

}  // namespace tutti
