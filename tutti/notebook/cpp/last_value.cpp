#include "tutti/notebook/cpp/last_value.h"

#include <clang/AST/ExprCXX.h>
#include <clang/AST/RecursiveASTVisitor.h>
#include <clang/Sema/Lookup.h>

namespace tutti {
namespace {

clang::NamespaceDecl* find_namespace(clang::Sema& sema, const char* name) {
  clang::LookupResult found(sema, &sema.getASTContext().Idents.get(name), {}, clang::Sema::LookupNamespaceName);
  sema.LookupQualifiedName(found, sema.getASTContext().getTranslationUnitDecl());
  found.suppressDiagnostics();
  return found.getAsSingle<clang::NamespaceDecl>();
}

// "std::cout << x" is not asked for its value.
bool is_stream(clang::QualType type) {
  const clang::CXXRecordDecl* const record = type->getAsCXXRecordDecl();
  return record && record->isInStdNamespace() && record->getIdentifier() && record->getName() == "basic_ostream";
}

class LambdaFinder : public clang::RecursiveASTVisitor<LambdaFinder> {
 public:
  explicit LambdaFinder(clang::DeclContext* context) : context_(context) {}
  bool VisitLambdaExpr(clang::LambdaExpr* lambda) {
    clang::CXXRecordDecl* const type = lambda->getLambdaClass();
    // Inner ones belong to the function around them.
    if (llvm::isa<clang::TopLevelStmtDecl>(type->getDeclContext())) type->setDeclContext(context_);
    return true;
  }

 private:
  clang::DeclContext* context_;
};

}  // namespace

void show_last_value(clang::Sema& sema, clang::TopLevelStmtDecl& statement) {
  if (!statement.isSemiMissing()) return;
  auto* expression = llvm::dyn_cast_or_null<clang::Expr>(statement.getStmt());
  if (!expression || expression->getType()->isVoidType() || expression->isTypeDependent()) return;
  if (is_stream(expression->getType())) return;
  clang::NamespaceDecl* const tutti = find_namespace(sema, "tutti");
  if (!tutti) return;
  if (auto* full = llvm::dyn_cast<clang::FullExpr>(expression)) expression = full->getSubExpr();
  const clang::SourceLocation place = expression->getBeginLoc();
  clang::LookupResult found(sema, &sema.getASTContext().Idents.get("show_value"), place, clang::Sema::LookupOrdinaryName);
  sema.LookupQualifiedName(found, tutti);
  clang::CXXScopeSpec scope;
  scope.Extend(sema.getASTContext(), tutti, place, place);
  const clang::ExprResult function = sema.BuildDeclarationNameExpr(scope, found, /*NeedsADL=*/false);
  if (function.isInvalid()) return;
  clang::Expr* arguments[] = {expression};
  const clang::ExprResult call = sema.ActOnCallExpr(sema.TUScope, function.get(), place, arguments, expression->getEndLoc());
  if (call.isInvalid()) return;
  // Its temporaries live until it has been shown.
  sema.Cleanup.setExprNeedsCleanups(true);
  const clang::ExprResult whole = sema.ActOnFinishFullExpr(call.get(), /*DiscardedValue=*/true);
  if (whole.isInvalid()) return;
  statement.setStmt(whole.get());
}

void adopt_lambdas(clang::ASTContext& context, clang::TopLevelStmtDecl& statement) {
  LambdaFinder(context.getTranslationUnitDecl()).TraverseStmt(statement.getStmt());
}

}  // namespace tutti
