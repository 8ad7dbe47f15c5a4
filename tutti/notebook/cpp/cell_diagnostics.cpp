#include <clang/Basic/DiagnosticSema.h>
#include <clang/Frontend/TextDiagnosticPrinter.h>
#include <clang/Lex/Lexer.h>

#include "tutti/notebook/cpp/cells_state.h"

namespace tutti {
namespace {

bool is_redefinition(unsigned id) {
  using namespace clang::diag;
  for (const unsigned known : {err_redefinition,
                               err_redefinition_different_type,
                               err_redefinition_different_kind,
                               err_redefinition_different_typedef,
                               err_redefinition_of_enumerator,
                               err_redefinition_different_namespace_alias,
                               err_conflicting_types,
                               err_ovl_diff_return_type,
                               err_param_default_argument_redefinition,
                               err_template_param_default_arg_redefinition,
                               err_redefinition_different_concept,
                               err_tag_reference_conflict,
                               err_tag_reference_non_tag,
                               err_use_with_wrong_tag,
                               err_constexpr_redecl_mismatch,
                               err_static_non_static,
                               err_non_static_static,
                               err_enum_redeclare_type_mismatch,
                               err_enum_redeclare_scoped_mismatch,
                               err_thread_non_thread,
                               err_non_thread_thread})
    if (id == known) return true;
  return false;
}

}  // namespace

CellDiagnostics::CellDiagnostics(clang::DiagnosticOptions& options)
    : stream_(text_), printer_(std::make_unique<clang::TextDiagnosticPrinter>(stream_, &options)) {
  stream_.enable_colors(true);
}
CellDiagnostics::~CellDiagnostics() = default;

void CellDiagnostics::BeginSourceFile(const clang::LangOptions& language, const clang::Preprocessor* preprocessor) {
  printer_->BeginSourceFile(language, preprocessor);
}

void CellDiagnostics::HandleDiagnostic(clang::DiagnosticsEngine::Level level, const clang::Diagnostic& diagnostic) {
  DiagnosticConsumer::HandleDiagnostic(level, diagnostic);
  printer_->HandleDiagnostic(level, diagnostic);
  if (level >= clang::DiagnosticsEngine::Error && is_redefinition(diagnostic.getID())) note_redefinition(diagnostic);
}

// Each cell is included into a file that nobody wrote: of that nothing is said.
std::string CellDiagnostics::text() const {
  std::string text = text_;
  constexpr std::string_view kIncluded = "In file included from notebook.cpp:1:\n";
  for (std::size_t at = 0; (at = text.find(kIncluded, at)) != std::string::npos;) text.erase(at, kIncluded.size());
  return text;
}

void CellDiagnostics::start() {
  text_.clear();
  redefined_.clear();
}

void CellDiagnostics::note_redefinition(const clang::Diagnostic& diagnostic) {
  for (unsigned i = 0; i < diagnostic.getNumArgs(); ++i) {
    if (diagnostic.getArgKind(i) == clang::DiagnosticsEngine::ak_nameddecl) {
      if (const auto* declaration = reinterpret_cast<const clang::NamedDecl*>(diagnostic.getRawArg(i)))
        redefined_.insert(declaration->getNameAsString());
    } else if (diagnostic.getArgKind(i) == clang::DiagnosticsEngine::ak_declarationname) {
      redefined_.insert(clang::DeclarationName::getFromOpaqueInteger(diagnostic.getRawArg(i)).getAsString());
    } else if (diagnostic.getArgKind(i) == clang::DiagnosticsEngine::ak_identifierinfo) {
      if (const auto* name = reinterpret_cast<const clang::IdentifierInfo*>(diagnostic.getRawArg(i)))
        redefined_.insert(name->getName().str());
    }
  }
  // Some say no name, but stand at it.
  if (!diagnostic.hasSourceManager() || diagnostic.getLocation().isInvalid()) return;
  clang::Token token;
  if (!clang::Lexer::getRawToken(diagnostic.getLocation(), token, diagnostic.getSourceManager(), clang::LangOptions()) &&
      token.is(clang::tok::raw_identifier))
    redefined_.insert(token.getRawIdentifier().str());
}

}  // namespace tutti
