// Bytes as text, RFC 4648.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tutti {

// With padding, without line breaks.
std::string base64(std::string_view bytes);
// Two lower-case digits a byte.
std::string hexadecimal(std::span<const unsigned char> bytes);

}  // namespace tutti
