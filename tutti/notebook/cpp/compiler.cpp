#include "tutti/notebook/cpp/compiler.h"

#include <algorithm>
#include <sstream>

#include <clang/Basic/Version.h>
#include <clang/CodeGen/BackendUtil.h>
#include <clang/Frontend/TextDiagnosticPrinter.h>
#include <clang/Frontend/Utils.h>
#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/notebook/cpp/jit.h"
#include "tutti/notebook/script.h"

namespace tutti {

std::vector<std::string> compiler_arguments(SourceKind kind) {
  std::vector<std::string> arguments = {"clang++", "-std=c++20", "-O2", "-fPIC",
                                        // Line tables: an uncaught exception tells where it was thrown.
                                        "-gline-tables-only",
                                        // A text that cannot be printed has forty candidates.
                                        "-fshow-overloads=best",
                                        // A linker in this process cannot give libraries' kind of thread-local storage.
                                        "-femulated-tls", "-resource-dir", TUTTI_CLANG_RESOURCES, "-I",
                                        header_folder().string()};
  if (kind == SourceKind::kCells) {
    // All comments are documentation, as tutti's own.
    arguments.insert(arguments.end(), {"-Xclang", "-fincremental-extensions", "-fparse-all-comments"});
    // What a cell computes and does not use is no mistake.
    arguments.emplace_back("-Wno-unused-value");
  } else {
    arguments.insert(arguments.end(), {"-Wall", "-Wno-missing-field-initializers"});
  }
  std::istringstream more(env("TUTTI_CXXFLAGS"));
  for (std::string word; more >> word;) arguments.push_back(word);
  return arguments;
}

std::string compiler_version() { return CLANG_VERSION_STRING; }

std::unique_ptr<clang::CompilerInstance> make_compiler(std::vector<std::string> arguments, llvm::raw_ostream& words,
                                                       bool colors) {
  initialise_llvm();
  arguments.emplace_back("-fsyntax-only");  // what to do is an action's to say; the driver wants to know of no linker
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());

  auto compiler = std::make_unique<clang::CompilerInstance>();
  const auto diagnostics = clang::CompilerInstance::createDiagnostics(
      new clang::DiagnosticOptions, new clang::TextDiagnosticPrinter(words, new clang::DiagnosticOptions));
  clang::CreateInvocationOptions options;
  options.Diags = diagnostics;
  std::shared_ptr<clang::CompilerInvocation> invocation = clang::createInvocation(pointers, options);
  if (!invocation || diagnostics->hasErrorOccurred())
    fail("compiler", "cannot be set up with these arguments: {}. Is TUTTI_CXXFLAGS right?", fmt::join(arguments, " "));
  compiler->setInvocation(std::move(invocation));
  compiler->getDiagnosticOpts().ShowColors = colors;
  words.enable_colors(colors);
  compiler->createDiagnostics(new clang::TextDiagnosticPrinter(words, &compiler->getDiagnosticOpts()));
  return compiler;
}

void take_initialisers(llvm::Module& module, const std::string& name) {
  llvm::GlobalVariable* const list = module.getGlobalVariable("llvm.global_ctors");
  std::vector<llvm::orc::CtorDtorIterator::Element> initialisers;
  for (const auto element : llvm::orc::getConstructors(module)) initialisers.push_back(element);
  std::ranges::stable_sort(initialisers, {}, [](const auto& element) { return element.Priority; });
  llvm::LLVMContext& context = module.getContext();
  llvm::Function* const function = llvm::Function::Create(llvm::FunctionType::get(llvm::Type::getVoidTy(context), false),
                                                          llvm::GlobalValue::ExternalLinkage, name, module);
  function->setUWTableKind(llvm::UWTableKind::Default);  // exceptions pass through it
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", function));
  for (const auto& element : initialisers)
    if (element.Func) builder.CreateCall(element.Func)->setIsNoInline();  // inlined here it would lose its line numbers
  builder.CreateRetVoid();
  if (list) list->eraseFromParent();
  // By its address destructors are registered; the code asks for it near by, wherever the library lies.
  if (llvm::GlobalVariable* const handle = module.getGlobalVariable("__dso_handle"); handle && handle->isDeclaration()) {
    handle->setInitializer(llvm::Constant::getNullValue(handle->getValueType()));
    handle->setVisibility(llvm::GlobalValue::DefaultVisibility);
    handle->setLinkage(llvm::GlobalValue::InternalLinkage);
  }
}

std::unique_ptr<llvm::MemoryBuffer> make_object(clang::CompilerInstance& compiler, llvm::Module& module) {
  llvm::SmallVector<char, 0> bytes;
  clang::EmitBackendOutput(compiler.getDiagnostics(), compiler.getHeaderSearchOpts(), compiler.getCodeGenOpts(),
                           compiler.getTargetOpts(), compiler.getLangOpts(), compiler.getTarget().getDataLayoutString(),
                           &module, clang::Backend_EmitObj, compiler.getFileManager().getVirtualFileSystemPtr(),
                           std::make_unique<llvm::raw_svector_ostream>(bytes));
  return std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(bytes), module.getName(),
                                                         /*RequiresNullTerminator=*/false);
}

}  // namespace tutti
