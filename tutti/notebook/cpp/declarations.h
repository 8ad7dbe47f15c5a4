// Which names a notebook's cells see: forgetting what a cell with mistakes declared, and what a later cell declares again.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>
#include <clang/Sema/Sema.h>

namespace tutti {

// The declarations with names that a cell's part of the translation unit has made visible.
std::vector<clang::NamedDecl*> declarations_of(clang::TranslationUnitDecl& part);

// Nobody finds these any more; code that was compiled with them keeps them. What they declared again is found as before.
void hide(clang::ASTContext& context, const std::vector<clang::NamedDecl*>& declarations);
// The opposite.
void reveal(clang::ASTContext& context, const std::vector<clang::NamedDecl*>& declarations);

// The declarations of earlier cells that stand in the way of `fresh`, those of a cell with redefinitions of `names`: of
// functions, only those with the same parameters.
std::vector<clang::NamedDecl*> in_the_way(clang::ASTContext& context, const std::vector<clang::NamedDecl*>& fresh,
                                          const std::set<std::string>& names);

// Gives a declaration linker names of its own: "k" of this cell is another one than "k" of an earlier one.
void set_apart(clang::ASTContext& context, clang::NamedDecl& declaration, const std::string& tag);

}  // namespace tutti
