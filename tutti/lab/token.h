// The secret that opens a lab.
#pragma once

#include <filesystem>
#include <string>

namespace tutti {

// 48 hexadecimal digits from the system's random numbers. Error if it gives none: never a weak or an empty one.
std::string random_token();

// Writes a file that only its owner may read, from its first moment on. No line break at the end: Jupyter would take it for a
// part of the token.
void write_secret(const std::filesystem::path& file, const std::string& secret);

}  // namespace tutti
