#include "tutti/notebook/script.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/plugins.h"
#include "tutti/base/process.h"
#include "tutti/notebook/made_file.h"
#include "tutti/notebook/plugin.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

constexpr std::size_t kKept = 100;

// --- Without the plug-in ---

std::vector<std::string> build_flags() {
  return {"-std=c++20", "-O2", "-g1", "-Wall", "-Wno-missing-field-initializers", "-I" + header_folder().string()};
}

// The files that a compiler's rule for make names: "target: source header \<newline> my\ header ...".
std::vector<fs::path> sources_of(const std::string& rule) {
  std::vector<fs::path> sources;
  std::string word;
  std::error_code code;
  const auto end_word = [&] {
    if (fs::is_regular_file(word, code)) sources.push_back(fs::absolute(word));
    word.clear();
  };
  for (std::size_t i = rule.find(':') + 1; i < rule.size(); ++i) {
    if (rule[i] == '\\' && i + 1 < rule.size() && rule[i + 1] == ' ')
      word += rule[++i];
    else if (rule[i] == ' ' || rule[i] == '\n' || rule[i] == '\\')
      end_word();
    else
      word += rule[i];
  }
  end_word();
  return sources;
}

// A shared object of the script.
fs::path compile(const fs::path& script, const std::string& text) {
  const std::string compiler = env("CXX", "c++");
  if (!find_program(compiler))
    fail("run", "nothing here compiles C++. Expected the package tutti-notebook, or a compiler: apt install g++.");
  std::vector<std::string> flags = build_flags();
  const fs::path folder = cache_dir() / "scripts", whole = fs::absolute(script);
  const std::string key = key_of(fmt::format("{} {}\n{}\n{}", compiler, fmt::join(flags, " "), whole.string(), text));
  if (const auto made = find_made(folder, key)) return *made;
  fs::create_directories(folder);
  const std::string stem = (folder / fmt::format(".{}-{}", key, ::getpid())).string();
  const std::string source = stem + ".cpp", rules = stem + ".d", out = stem + ".so";
  write_file_atomically(source, fmt::format("#line 1 \"{}\"\n{}", script.string(), text));
  std::vector<std::string> command = {compiler};
  command.insert(command.end(), flags.begin(), flags.end());
  command.insert(command.end(), {"-shared", "-fPIC", "-Wl,-z,defs", "-iquote", whole.parent_path().string(), "-MD", "-MF",
                                 rules, "-o", out, source, "-L" + library_folder().string(), "-ltutti", "-lfmt"});
  const ProcessEnd end = Process({.command = command}).wait();
  std::error_code code;
  fs::remove(source, code);
  if (!end.ok()) {
    fs::remove(rules, code);
    return {};
  }
  std::vector<fs::path> sources = sources_of(read_file(rules));
  sources.push_back(whole);
  fs::remove(rules, code);
  return keep_made(
      folder, key, sources, [&](const fs::path& file) { fs::rename(out, file); }, kKept);
}

int run_compiled(const fs::path& script, const std::vector<std::string>& arguments) {
  const fs::path object = compile(script, script_text(script));
  check_interrupt();
  if (object.empty()) return kScriptHasMistakes;
  // Its initialisers run when it is opened.
  return call_script(
      [&] {
        void* const handle = dlopen(object.c_str(), RTLD_NOW | RTLD_GLOBAL);
        if (!handle) fail(script.string(), "{}", dlerror());
        const auto function = reinterpret_cast<MainFunction>(dlsym(handle, "main"));
        if (!function) fail(script.string(), "it has no main(). Expected int main() or int main(int argc, char** argv).");
        return call_main(function, arguments);
      },
      [] { return std::vector<std::string>(); });
}

}  // namespace

std::string script_text(const fs::path& script) {
  std::error_code code;
  if (fs::is_directory(script, code)) fail("run", "{} is a folder. Expected a C++ file.", script.string());
  if (!fs::exists(script, code)) fail("run", "there is no file {}.", script.string());
  std::string text = read_file(script, std::size_t{64} << 20);
  if (text.starts_with("#!")) text.replace(0, 2, "//");
  return text;
}

fs::path header_folder() {
  const fs::path library = library_folder();
  std::error_code code;
  for (const fs::path& prefix : {library.parent_path(), library.parent_path().parent_path()})
    if (fs::is_regular_file(prefix / "include/tutti/tutti.h", code)) return prefix / "include";
  return TUTTI_SOURCE_DIR;
}

std::string exception_type() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (!type) return "an exception";
  int status = 0;
  char* const name = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
  std::string result = status == 0 && name ? name : type->name();
  std::free(name);
  return result;
}

int call_main(MainFunction function, const std::vector<std::string>& arguments) {
  std::vector<std::string> copies = arguments;  // main() may write into them
  std::vector<char*> pointers;
  for (std::string& copy : copies) pointers.push_back(copy.data());
  pointers.push_back(nullptr);
  return function(static_cast<int>(copies.size()), pointers.data(), environ);
}

int call_script(const std::function<int()>& main_function, const std::function<std::vector<std::string>()>& places) {
  std::string what, type;
  try {
    const int code = main_function();
    return code & 0xff;
  } catch (const Interrupted&) {
    std::fflush(stdout);
    std::fputs("interrupted\n", stderr);
    return 130;
  } catch (const std::exception& error) {
    type = exception_type();
    what = error.what();
  } catch (...) {
    type = exception_type();
  }
  std::fflush(stdout);
  std::string text = "uncaught exception " + type + (what.empty() ? "" : ": " + what) + "\n";
  for (const std::string& place : places()) text += "    at " + place + "\n";
  std::fputs(text.c_str(), stderr);
  return 1;
}

int run_script(const fs::path& script, const std::vector<std::string>& arguments) {
  script_text(script);
  handle_interrupts();
  if (env("TUTTI_RUN_WITH") != "compiler")
    if (const LoadedCppPlugin loaded = load_cpp_plugin(); loaded.plugin) return loaded.plugin->run_script(script, arguments);
  return run_compiled(script, arguments);
}

}  // namespace tutti
