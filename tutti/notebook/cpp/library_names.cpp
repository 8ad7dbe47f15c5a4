#include "tutti/notebook/cpp/library_names.h"

#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>
#include <clang/Sema/ExternalSemaSource.h>
#include <clang/Sema/Lookup.h>

namespace tutti {
namespace {

// Sema asks its external sources last of all.
class LibraryNames : public clang::ExternalSemaSource {
 public:
  explicit LibraryNames(clang::Sema& sema) : sema_(sema) {}

  bool LookupUnqualified(clang::LookupResult& result, clang::Scope*) override {
    if (result.isForRedeclaration() || !is_of_a_namespace(result.getLookupKind())) return false;
    clang::NamespaceDecl* const library = find_library();
    // Without a word of what it finds wrong: the one who asked says that.
    return library && sema_.LookupQualifiedName(result, library);
  }

 private:
  static bool is_of_a_namespace(clang::Sema::LookupNameKind kind) {
    return kind == clang::Sema::LookupOrdinaryName || kind == clang::Sema::LookupTagName ||
           kind == clang::Sema::LookupNestedNameSpecifierName || kind == clang::Sema::LookupNamespaceName;
  }

  clang::NamespaceDecl* find_library() {
    if (library_) return library_;
    clang::ASTContext& ast = sema_.getASTContext();
    for (clang::NamedDecl* found : ast.getTranslationUnitDecl()->lookup(&ast.Idents.get("tutti")))
      if (auto* space = llvm::dyn_cast<clang::NamespaceDecl>(found)) return library_ = space;
    return nullptr;  // its headers are being read
  }

  clang::Sema& sema_;
  clang::NamespaceDecl* library_ = nullptr;
};

}  // namespace

void find_library_names(clang::Sema& sema) { sema.addExternalSource(llvm::makeIntrusiveRefCnt<LibraryNames>(sema).get()); }

}  // namespace tutti
