#include "tutti/notebook/cpp/script.h"

#include <unistd.h>

#include <csignal>
#include <cstring>

#include <clang/CodeGen/ModuleBuilder.h>
#include <clang/Frontend/FrontendAction.h>
#include <clang/Lex/PreprocessorOptions.h>
#include <llvm/Support/raw_ostream.h>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/notebook/cpp/compiler.h"
#include "tutti/notebook/cpp/guard.h"
#include "tutti/notebook/cpp/jit.h"
#include "tutti/notebook/cpp/precompiled_header.h"
#include "tutti/notebook/cpp/sources.h"
#include "tutti/notebook/made_file.h"
#include "tutti/notebook/script.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

constexpr const char* kInitialise = "tutti_initialise_script";
constexpr std::size_t kKept = 100;  // scripts, some 100 kB each

// Seconds for fit() to end a step and write a checkpoint after Ctrl-C; a second one ends the script at once.
constexpr double kPatience = 10;

// As a program that its system stops: by the same signal, with the place if it is known.
[[noreturn]] void fall(const Guarded& guarded) {
  const int signal = guarded.end == GuardedEnd::kArithmetic ? SIGFPE : guarded.end == GuardedEnd::kIllegal ? SIGILL : SIGSEGV;
  std::fflush(stdout);
  std::string text = fmt::format("{}\n", strsignal(signal));
  for (const SourcePlace& place : Jit::instance().places_of(reinterpret_cast<std::uintptr_t>(guarded.at)))
    text += "    at " + place.text() + "\n";
  std::fputs(text.c_str(), stderr);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  std::abort();
}

// Code for a translation unit, not yet optimised.
class CodeAction : public clang::ASTFrontendAction {
 public:
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& compiler, llvm::StringRef file) override {
    std::unique_ptr<clang::CodeGenerator> generator(clang::CreateLLVMCodeGen(
        compiler.getDiagnostics(), file, &compiler.getVirtualFileSystem(), compiler.getHeaderSearchOpts(),
        compiler.getPreprocessorOpts(), compiler.getCodeGenOpts(), context_));
    generator_ = generator.get();
    return generator;
  }
  void EndSourceFileAction() override { module_.reset(generator_->ReleaseModule()); }
  llvm::Module* module() { return module_.get(); }

 private:
  llvm::LLVMContext context_;
  clang::CodeGenerator* generator_ = nullptr;
  std::unique_ptr<llvm::Module> module_;
};

struct Compiled {
  std::unique_ptr<llvm::MemoryBuffer> object;  // null: it has mistakes
  std::vector<fs::path> sources;
};

Compiled compile(const fs::path& script, const std::string& text, std::vector<std::string> arguments) {
  // The header is given first, whatever the script says before it includes it: only to scripts that want it.
  if (text.find("tutti/tutti.h") != std::string::npos)
    if (const auto header = precompiled_header(SourceKind::kScript, arguments))
      arguments.insert(arguments.end(), {"-include-pch", header->string()});
  arguments.insert(arguments.end(), {"-x", "c++", script.string()});
  llvm::raw_fd_ostream words(STDERR_FILENO, /*shouldClose=*/false, /*unbuffered=*/true);
  const auto compiler = make_compiler(arguments, words, ::isatty(STDERR_FILENO) == 1);
  const auto buffer = llvm::MemoryBuffer::getMemBufferCopy(text, script.string());
  compiler->getPreprocessorOpts().addRemappedFile(script.string(), buffer.get());
  compiler->getPreprocessorOpts().RetainRemappedFileBuffers = true;
  const auto collector = std::make_shared<SourceCollector>();
  compiler->addDependencyCollector(collector);
  CodeAction action;
  Compiled compiled;
  if (!compiler->ExecuteAction(action) || compiler->getDiagnostics().hasErrorOccurred() || !action.module()) return compiled;
  if (!action.module()->getFunction("main") || action.module()->getFunction("main")->isDeclaration())
    fail(script.string(), "it has no main(). Expected int main() or int main(int argc, char** argv).");
  take_initialisers(*action.module(), kInitialise);
  compiled.object = make_object(*compiler, *action.module());
  compiled.sources = collector->files();
  return compiled;
}

}  // namespace

int run_script_here(const fs::path& script, const std::vector<std::string>& arguments) {
  const std::string text = script_text(script);
  const std::vector<std::string> flags = compiler_arguments(SourceKind::kScript);
  const fs::path folder = cache_dir() / "scripts";
  const fs::path whole = fs::absolute(script);
  const std::string key =
      key_of(fmt::format("clang {} {}\n{}\n{}", compiler_version(), fmt::join(flags, " "), whole.string(), text));
  std::unique_ptr<llvm::MemoryBuffer> object;
  if (const auto made = find_made(folder, key)) {
    auto file = llvm::MemoryBuffer::getFile(made->string());
    if (file) object = std::move(*file);
  }
  if (!object) {
    Compiled compiled = compile(script, text, flags);
    if (!compiled.object) return kScriptHasMistakes;
    object = std::move(compiled.object);
    try {
      keep_made(
          folder, key, compiled.sources,
          [&](const fs::path& file) {
            write_file_atomically(file, {object->getBufferStart(), object->getBufferSize()});
          },
          kKept);
    } catch (const Error&) {
      // A full disk, a home that cannot be written: compiled again the next time.
    }
  }
  check_interrupt();
  Jit& jit = Jit::instance();
  if (const auto missing = jit.missing(object->getMemBufferRef()); !missing.empty())
    fail(script.string(), "declared but not defined: {}.", fmt::join(missing, ", "));
  if (const std::string error = jit.add(std::move(object)); !error.empty()) fail(script.string(), "{}", error);
  const auto initialise = reinterpret_cast<void (*)()>(jit.find(kInitialise));
  const auto main_function = reinterpret_cast<MainFunction>(jit.find("main"));
  int code = 0;
  return call_script(
      [&] {
        const Guarded guarded = run_guarded(
            [&] {
              jit.call([&] {
                initialise();
                code = call_main(main_function, arguments);
              });
            },
            kPatience);
        if (guarded.end == GuardedEnd::kInterrupted) throw Interrupted();
        if (guarded.end != GuardedEnd::kReturned) fall(guarded);
        return code;
      },
      [&] {
        std::vector<std::string> places;
        for (const SourcePlace& place : jit.thrown_at()) places.push_back(place.text());
        return places;
      });
}

}  // namespace tutti
