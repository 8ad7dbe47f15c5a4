// What Cells keeps between cells. Private to cpp/.
#pragma once

#include <deque>
#include <functional>
#include <set>

#include <clang/AST/ASTConsumer.h>
#include <clang/CodeGen/ModuleBuilder.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/FrontendAction.h>
#include <clang/Parse/Parser.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/Support/raw_ostream.h>

#include "tutti/notebook/cpp/cells.h"

namespace tutti {

// Keeps what the parser says until it is known whether the cell has mistakes; then the code generator hears it in the same
// order. While it generates code it may want declarations of the precompiled header: those are passed on at once.
class HoldingConsumer : public clang::ASTConsumer {
 public:
  void set_generator(clang::CodeGenerator* generator) { generator_ = generator; }
  // Forgets what it holds of a cell with mistakes. What headers declare, and what the cell had instantiated, stays: clang does
  // not tell it twice.
  void drop();
  // Passes on what it holds, and from now on everything at once, until the next hold().
  void release();
  void hold() { direct_ = false; }

  bool HandleTopLevelDecl(clang::DeclGroupRef group) override;
  void HandleInlineFunctionDefinition(clang::FunctionDecl* function) override;
  void HandleInterestingDecl(clang::DeclGroupRef group) override;
  void HandleTagDeclDefinition(clang::TagDecl* tag) override;
  void HandleTagDeclRequiredDefinition(const clang::TagDecl* tag) override;
  void HandleCXXImplicitFunctionInstantiation(clang::FunctionDecl* function) override;
  void CompleteTentativeDefinition(clang::VarDecl* variable) override;
  void CompleteExternalDeclaration(clang::DeclaratorDecl* declaration) override;
  void AssignInheritanceModel(clang::CXXRecordDecl* record) override;
  void HandleCXXStaticMemberVarInstantiation(clang::VarDecl* variable) override;
  void HandleVTable(clang::CXXRecordDecl* record) override;

 private:
  using Event = std::function<void(clang::CodeGenerator&)>;
  struct Held {
    Event event;
    bool lasting = false;
  };
  void say(const clang::Decl* about, Event event);
  clang::CodeGenerator* generator_ = nullptr;
  std::deque<Held> held_;
  bool direct_ = false;
};

// The diagnostics of a cell as text, and the names that it defines again.
class CellDiagnostics : public clang::DiagnosticConsumer {
 public:
  explicit CellDiagnostics(clang::DiagnosticOptions& options);
  ~CellDiagnostics() override;
  void BeginSourceFile(const clang::LangOptions& language, const clang::Preprocessor* preprocessor) override;
  void HandleDiagnostic(clang::DiagnosticsEngine::Level level, const clang::Diagnostic& diagnostic) override;
  void start();
  std::string text() const;
  const std::set<std::string>& redefined() const { return redefined_; }

 private:
  void note_redefinition(const clang::Diagnostic& diagnostic);
  std::string text_;
  llvm::raw_string_ostream stream_;
  std::unique_ptr<clang::DiagnosticConsumer> printer_;
  std::set<std::string> redefined_;
};

struct Cells::State {
  std::unique_ptr<clang::CompilerInstance> compiler;
  CellDiagnostics* diagnostics = nullptr;  // the compiler's
  HoldingConsumer* consumer = nullptr;     // the compiler's
  std::unique_ptr<clang::FrontendAction> action;
  std::unique_ptr<clang::Parser> parser;
  llvm::LLVMContext context;
  std::unique_ptr<clang::CodeGenerator> generator;
  int modules = 0, replaced = 0;
  std::set<std::string> linked;                // names that were forgotten after the linker had seen them
  clang::TranslationUnitDecl* part = nullptr;  // of the last cell

  clang::Sema& sema() { return compiler->getSema(); }
  clang::ASTContext& ast() { return compiler->getASTContext(); }
};

// A cell as a file, so that clang's words name it and #pragma once and #include "..." work in it.
clang::FileEntryRef write_cell(Cells::State& state, const std::string& code, const std::string& name);
// Makes it what the preprocessor reads next; false if it cannot.
bool enter_cell(Cells::State& state, clang::FileEntryRef file);
// A new part of the translation unit, and a scope for it.
void start_part(Cells::State& state);

}  // namespace tutti
