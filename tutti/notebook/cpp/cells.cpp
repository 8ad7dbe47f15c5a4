#include "tutti/notebook/cpp/cells.h"

#include <algorithm>

#include <clang/Lex/HeaderSearch.h>
#include <clang/Lex/Preprocessor.h>
#include <clang/Lex/PreprocessorOptions.h>
#include <clang/Parse/ParseDiagnostic.h>
#include <clang/Sema/Sema.h>

#include "tutti/base/error.h"
#include "tutti/notebook/cpp/cells_state.h"
#include "tutti/notebook/cpp/compiler.h"
#include "tutti/notebook/cpp/declarations.h"
#include "tutti/notebook/cpp/last_value.h"
#include "tutti/notebook/cpp/library_names.h"
#include "tutti/notebook/cpp/precompiled_header.h"

namespace tutti {
namespace {

constexpr const char* kFile = "notebook.cpp";  // of no cell: it is empty

// Makes all that a compilation needs, and leaves it open.
class OpenAction : public clang::ASTFrontendAction {
 public:
  explicit OpenAction(HoldingConsumer*& consumer) : consumer_(consumer) {}
  clang::TranslationUnitKind getTranslationUnitKind() override { return clang::TU_Incremental; }
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance&, llvm::StringRef) override {
    auto consumer = std::make_unique<HoldingConsumer>();
    consumer_ = consumer.get();
    return consumer;
  }
  void ExecuteAction() override {
    clang::CompilerInstance& compiler = getCompilerInstance();
    compiler.getPreprocessor().enableIncrementalProcessing();
    compiler.getPreprocessor().EnterMainSourceFile();
    compiler.createSema(getTranslationUnitKind(), nullptr);
  }
  void EndSourceFile() override {}

 private:
  HoldingConsumer*& consumer_;
};

// Of a source without an end, the last token of each piece.
bool at_end(const clang::Parser& parser) {
  return parser.getCurToken().isOneOf(clang::tok::annot_repl_input_end, clang::tok::eof);
}

// Parses a cell; false if it has mistakes. Instantiates what it needs: mistakes in there are the cell's.
bool parse(Cells::State& state, const std::string& code, const std::string& name) {
  clang::Sema& sema = state.sema();
  clang::DiagnosticsEngine& diagnostics = state.compiler->getDiagnostics();
  state.diagnostics->start();
  if (!enter_cell(state, write_cell(state, code, name))) return false;
  clang::Sema::GlobalEagerInstantiationScope global(sema, /*Enabled=*/true);
  clang::Sema::LocalEagerInstantiationScope local(sema);
  start_part(state);

  clang::Parser::DeclGroupPtrTy group;
  clang::Sema::ModuleImportState import = clang::Sema::ModuleImportState::NotACXX20Module;
  clang::TopLevelStmtDecl* last = nullptr;
  const auto take = [&] {
    if (!group) return;
    last = nullptr;
    for (clang::Decl* declaration : group.get())
      if (auto* statement = llvm::dyn_cast<clang::TopLevelStmtDecl>(declaration)) last = statement;
    if (last && !diagnostics.hasErrorOccurred()) show_last_value(sema, *last);
    if (last && last->getStmt()) adopt_lambdas(state.ast(), *last);
    state.consumer->HandleTopLevelDecl(group.get());
  };
  for (bool end = state.parser->ParseFirstTopLevelDecl(group, import); !end;
       end = state.parser->ParseTopLevelDecl(group, import))
    take();
  for (clang::Decl* weak : sema.WeakTopLevelDecls()) state.consumer->HandleTopLevelDecl(clang::DeclGroupRef(weak));
  local.perform();
  global.perform();
  return !diagnostics.hasErrorOccurred();
}

// What is left of a cell with mistakes.
void forget(Cells::State& state) {
  state.consumer->drop();
  hide(state.ast(), declarations_of(*state.part));
  state.compiler->getDiagnostics().Reset(/*soft=*/true);
  state.compiler->getDiagnostics().getClient()->clear();
}

// Parses a cell, and again without what earlier cells called the same, as often as that helps.
bool parse_anew(Cells::State& state, const std::string& code, const std::string& name, std::set<std::string>& replaced) {
  constexpr int kMostTimes = 50;  // each hides at least one name
  std::vector<clang::NamedDecl*> hidden;
  for (int time = 0; time < kMostTimes; ++time) {
    if (parse(state, code, name)) return true;
    const std::set<std::string> names = state.diagnostics->redefined();
    const auto fresh = declarations_of(*state.part);
    forget(state);
    const auto old = in_the_way(state.ast(), fresh, names);
    if (old.empty()) break;
    hide(state.ast(), old);
    hidden.insert(hidden.end(), old.begin(), old.end());
    for (const clang::NamedDecl* declaration : old) replaced.insert(declaration->getNameAsString());
  }
  // It is wrong all the same: what it would have replaced stays.
  reveal(state.ast(), hidden);
  return false;
}

// What has a name of its own in this cell only (static, unnamed namespaces, const) must be found by the linker from later ones.
void export_names(llvm::Module& module) {
  const auto give = [](llvm::GlobalValue& value) {
    if (value.hasInternalLinkage() && !value.isDeclaration() && value.getName().starts_with("_Z") &&
        !value.getName().starts_with("_ZGV") && !value.getName().starts_with("_ZTH")) {
      value.setLinkage(llvm::GlobalValue::ExternalLinkage);
      value.setDSOLocal(false);
    }
  };
  for (llvm::Function& function : module) give(function);
  for (llvm::GlobalVariable& variable : module.globals()) give(variable);
}

}  // namespace

clang::FileEntryRef write_cell(Cells::State& state, const std::string& code, const std::string& name) {
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(code + "\n", name);
  const clang::FileEntryRef file =
      state.compiler->getFileManager().getVirtualFileRef(name, static_cast<off_t>(buffer->getBufferSize()), 0);
  state.compiler->getSourceManager().overrideFileContents(file, std::move(buffer));
  // An #include "..." in it looks for the folder that it is in.
  state.compiler->getPreprocessor().getHeaderSearchInfo().getFileInfo(file);
  return file;
}

bool enter_cell(Cells::State& state, clang::FileEntryRef file) {
  clang::SourceManager& sources = state.compiler->getSourceManager();
  const clang::FileID id =
      sources.createFileID(file, sources.getLocForStartOfFile(sources.getMainFileID()), clang::SrcMgr::C_User);
  return !state.compiler->getPreprocessor().EnterSourceFile(id, nullptr, {});
}

void start_part(Cells::State& state) {
  clang::Sema& sema = state.sema();
  state.ast().addTranslationUnitDecl();
  state.part = state.ast().getTranslationUnitDecl();
  if (!at_end(*state.parser)) return;
  state.parser->ConsumeAnyToken();
  state.parser->ExitScope();
  sema.CurContext = nullptr;
  state.parser->EnterScope(clang::Scope::DeclScope);
  sema.ActOnTranslationUnitScope(state.parser->getCurScope());
}

Cells::Cells() : state_(std::make_unique<State>()) {
  State& state = *state_;
  std::vector<std::string> arguments = compiler_arguments(SourceKind::kCells);
  const auto header = precompiled_header(SourceKind::kCells, arguments);
  if (header) arguments.insert(arguments.end(), {"-include-pch", header->string()});
  arguments.insert(arguments.end(), {"-x", "c++", kFile});
  static llvm::raw_null_ostream nowhere;
  state.compiler = make_compiler(arguments, nowhere, true);
  clang::CompilerInstance& compiler = *state.compiler;
  state.diagnostics = new CellDiagnostics(compiler.getDiagnosticOpts());
  compiler.getDiagnostics().setClient(state.diagnostics, /*ShouldOwnClient=*/true);
  // Of the candidates of an overload four are told, as else only from the second mistake on: the first would fill a screen.
  compiler.getDiagnostics().overloadCandidatesShown(5);
  compiler.getPreprocessorOpts().addRemappedFile(kFile, llvm::MemoryBuffer::getMemBufferCopy("", kFile).release());
  state.action = std::make_unique<OpenAction>(state.consumer);
  if (!compiler.ExecuteAction(*state.action)) fail("compiler", "{}", state.diagnostics->text());
  state.generator.reset(clang::CreateLLVMCodeGen(compiler.getDiagnostics(), "cell0", &compiler.getVirtualFileSystem(),
                                                 compiler.getHeaderSearchOpts(), compiler.getPreprocessorOpts(),
                                                 compiler.getCodeGenOpts(), state.context));
  state.generator->Initialize(compiler.getASTContext());
  state.consumer->set_generator(state.generator.get());
  // Declarations of the precompiled header that need code.
  if (auto* source = compiler.getASTContext().getExternalSource()) source->StartTranslationUnit(state.consumer);
  find_library_names(compiler.getSema());
  state.parser = std::make_unique<clang::Parser>(compiler.getPreprocessor(), compiler.getSema(), /*SkipBodies=*/false);
  state.parser->Initialize();
  if (!header)
    if (const CompiledCell cell = compile(precompiled_text(), "headers"); !cell.errors.empty())
      fail("compiler", "{}", cell.errors);
}

Cells::~Cells() = default;

CompiledCell Cells::compile(const std::string& code, const std::string& name) {
  State& state = *state_;
  std::set<std::string> replaced;
  CompiledCell cell;
  if (!parse_anew(state, code, name, replaced)) {
    cell.errors = state.diagnostics->text();
    return cell;
  }
  cell.warnings = state.diagnostics->text();
  replaced.insert(state.linked.begin(), state.linked.end());
  const std::string tag = fmt::format("r{}", ++state.replaced);
  for (clang::NamedDecl* declaration : declarations_of(*state.part))
    if (replaced.contains(declaration->getNameAsString())) set_apart(state.ast(), *declaration, tag);
  state.consumer->release();
  state.generator->HandleTranslationUnit(state.ast());
  state.consumer->hold();
  const std::unique_ptr<llvm::Module> module(state.generator->ReleaseModule());
  state.generator->StartModule(fmt::format("cell{}", ++state.modules), state.context);
  if (!module) {
    cell.errors = state.diagnostics->text();
    forget(state);
    return cell;
  }
  cell.initialise = fmt::format("tutti_initialise_cell_{}", state.modules);
  take_initialisers(*module, cell.initialise);
  export_names(*module);
  cell.object = make_object(*state.compiler, *module);
  return cell;
}

void Cells::forget_from(unsigned line) {
  State& state = *state_;
  if (!state.part) return;
  const clang::SourceManager& sources = state.compiler->getSourceManager();
  std::vector<clang::NamedDecl*> gone;
  for (clang::NamedDecl* declaration : declarations_of(*state.part))
    if (line == 0 || sources.getPresumedLoc(declaration->getLocation()).getLine() >= line) gone.push_back(declaration);
  hide(state.ast(), gone);
  for (const clang::NamedDecl* declaration : gone) state.linked.insert(declaration->getNameAsString());
}

}  // namespace tutti
