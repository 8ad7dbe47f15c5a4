// Clang in this process: what every compilation of a user's code shares.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <clang/Frontend/CompilerInstance.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/MemoryBuffer.h>

namespace tutti {

enum class SourceKind : std::uint8_t {
  kScript,  // an ordinary translation unit
  kCells,   // what a notebook gives: statements at the top level, too
};

// The compiler's arguments, as on its command line, without a file: C++20, -O2, tutti's headers, $TUTTI_CXXFLAGS.
std::vector<std::string> compiler_arguments(SourceKind kind);

// "19.1.7".
std::string compiler_version();

// A compiler of one source file, whose words go to `words` as on a terminal, in colours or not. Error if the arguments make no
// sense.
std::unique_ptr<clang::CompilerInstance> make_compiler(std::vector<std::string> arguments, llvm::raw_ostream& words,
                                                       bool colors);

// Moves the module's initialisers into a function of that name: the linker in this process knows of no others.
void take_initialisers(llvm::Module& module, const std::string& name);

// Optimises the module and makes it machine code.
std::unique_ptr<llvm::MemoryBuffer> make_object(clang::CompilerInstance& compiler, llvm::Module& module);

}  // namespace tutti
