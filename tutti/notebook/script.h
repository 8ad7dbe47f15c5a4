// `tutti run`: a C++ program of one file, as a script. With the plug-in it is compiled in this process; without, by the
// machine's compiler.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace tutti {

// The exit code of a script that the compiler refuses.
inline constexpr int kScriptHasMistakes = 1;

// Runs a script; `arguments`: its argv, the script first. Returns its exit code; 1 if it has mistakes (the compiler's words are
// on standard error) or if an exception leaves main(), 130 if it was interrupted. Error if it cannot be read, or if nothing on
// this machine can compile it.
int run_script(const std::filesystem::path& script, const std::vector<std::string>& arguments);

// --- What both ways share, and notebooks ---

// The text of a script; a first line "#!/usr/bin/env -S tutti run" has become a comment. Error if it cannot be read.
std::string script_text(const std::filesystem::path& script);

// Where tutti/tutti.h is: beside the library where that is installed, else what it was built from.
std::filesystem::path header_folder();

// Of the exception that is being handled: "std::runtime_error".
std::string exception_type();

using MainFunction = int (*)(int, char**, char**);
int call_main(MainFunction function, const std::vector<std::string>& arguments);

// Calls a script's main() and tells of an exception that leaves it: its type, what(), and the lines of `places`.
int call_script(const std::function<int()>& main_function, const std::function<std::vector<std::string>()>& places);

}  // namespace tutti
