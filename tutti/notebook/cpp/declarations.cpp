#include "tutti/notebook/cpp/declarations.h"

#include <algorithm>

#include <clang/AST/Attr.h>
#include <clang/AST/DeclContextInternals.h>
#include <clang/AST/DeclTemplate.h>

namespace tutti {
namespace {

// The table of names of the whole translation unit; its parts have none of their own.
clang::StoredDeclsMap* names_of(clang::ASTContext& context) {
  return context.getTranslationUnitDecl()->getFirstDecl()->getPrimaryContext()->getLookupPtr();
}

void remove(clang::ASTContext& context, clang::NamedDecl* declaration) {
  clang::StoredDeclsMap* const names = names_of(context);
  if (!names) return;
  const auto found = names->find(declaration->getDeclName());
  if (found == names->end()) return;
  const clang::DeclContextLookupResult list = found->second.getLookupResult();
  if (std::ranges::find(list, declaration) == list.end()) return;
  found->second.remove(declaration);
}

// Not of a header: those belong to everybody.
bool is_of_cells(const clang::NamedDecl* declaration) { return !declaration->isFromASTFile(); }

const clang::FunctionDecl* function_of(const clang::NamedDecl* declaration) {
  if (const auto* of_template = llvm::dyn_cast<clang::FunctionTemplateDecl>(declaration))
    return of_template->getTemplatedDecl();
  return llvm::dyn_cast<clang::FunctionDecl>(declaration);
}

// True if the two functions could be overloads of one name.
bool differ_in_parameters(clang::ASTContext& context, const clang::NamedDecl* one, const clang::NamedDecl* other) {
  const clang::FunctionDecl *a = function_of(one), *b = function_of(other);
  if (!a || !b) return false;
  if (llvm::isa<clang::FunctionTemplateDecl>(one) != llvm::isa<clang::FunctionTemplateDecl>(other)) return true;
  if (a->getNumParams() != b->getNumParams() || a->isVariadic() != b->isVariadic()) return true;
  // Of templates the parameters cannot be compared so: each has types of its own.
  if (llvm::isa<clang::FunctionTemplateDecl>(one)) return false;
  for (unsigned i = 0; i < a->getNumParams(); ++i)
    if (!context.hasSameUnqualifiedType(a->getParamDecl(i)->getType(), b->getParamDecl(i)->getType())) return true;
  return false;
}

}  // namespace

std::vector<clang::NamedDecl*> declarations_of(clang::TranslationUnitDecl& part) {
  std::vector<clang::NamedDecl*> result;
  const auto take = [&](auto&& self, clang::DeclContext& context) -> void {
    for (clang::Decl* declaration : context.noload_decls()) {
      if (auto* named = llvm::dyn_cast<clang::NamedDecl>(declaration); named && named->getDeclName()) result.push_back(named);
      // What these hold is found in the scope around them.
      if (auto* linkage = llvm::dyn_cast<clang::LinkageSpecDecl>(declaration)) self(self, *linkage);
      if (auto* values = llvm::dyn_cast<clang::EnumDecl>(declaration); values && !values->isScoped()) self(self, *values);
      if (auto* parts = llvm::dyn_cast<clang::DecompositionDecl>(declaration))
        for (clang::BindingDecl* binding : parts->bindings()) result.push_back(binding);
    }
  };
  take(take, part);
  return result;
}

void hide(clang::ASTContext& context, const std::vector<clang::NamedDecl*>& declarations) {
  for (clang::NamedDecl* declaration : declarations) {
    remove(context, declaration);
    // A declaration takes the place of the one before it in the table.
    auto* before = llvm::dyn_cast_or_null<clang::NamedDecl>(declaration->getPreviousDecl());
    while (before && std::ranges::find(declarations, before) != declarations.end())
      before = llvm::dyn_cast_or_null<clang::NamedDecl>(before->getPreviousDecl());
    if (before) reveal(context, {before});
  }
}

void reveal(clang::ASTContext& context, const std::vector<clang::NamedDecl*>& declarations) {
  for (clang::NamedDecl* declaration : declarations)
    context.getTranslationUnitDecl()->getFirstDecl()->getPrimaryContext()->makeDeclVisibleInContext(declaration);
}

std::vector<clang::NamedDecl*> in_the_way(clang::ASTContext& context, const std::vector<clang::NamedDecl*>& fresh,
                                          const std::set<std::string>& names) {
  std::vector<clang::NamedDecl*> result;
  clang::StoredDeclsMap* const table = names_of(context);
  if (!table) return result;
  for (const std::string& name : names) {
    const auto found = table->find(clang::DeclarationName(&context.Idents.get(name)));
    if (found == table->end()) continue;
    for (clang::NamedDecl* old : found->second.getLookupResult()) {
      if (!is_of_cells(old) || std::ranges::find(fresh, old) != fresh.end()) continue;
      const bool is_overload =
          std::ranges::any_of(fresh,
                              [&](clang::NamedDecl* other) {
                                return other->getDeclName() == old->getDeclName() && function_of(other) && function_of(old);
                              }) &&
          std::ranges::none_of(fresh, [&](clang::NamedDecl* other) {
            return other->getDeclName() == old->getDeclName() && !differ_in_parameters(context, other, old);
          });
      if (!is_overload) result.push_back(old);
    }
  }
  return result;
}

void set_apart(clang::ASTContext& context, clang::NamedDecl& declaration, const std::string& tag) {
  clang::Decl* target = &declaration;
  if (auto* of_template = llvm::dyn_cast<clang::TemplateDecl>(&declaration)) target = of_template->getTemplatedDecl();
  if (auto* binding = llvm::dyn_cast<clang::BindingDecl>(&declaration)) target = binding->getDecomposedDecl();
  if (!target || target->hasAttr<clang::AbiTagAttr>()) return;
  llvm::StringRef text = context.backupStr(tag);
  target->addAttr(clang::AbiTagAttr::CreateImplicit(context, &text, 1));
}

}  // namespace tutti
