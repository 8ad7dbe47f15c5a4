// The value of a cell: its last expression, if no ';' follows.
#pragma once

#include <clang/AST/Decl.h>
#include <clang/Sema/Sema.h>

namespace tutti {

// Makes `expression` of the statement show_value(expression). Not if it has none, if that is a stream ("std::cout << x"), or if
// it cannot be shown: of that the compiler has said why.
void show_last_value(clang::Sema& sema, clang::TopLevelStmtDecl& statement);

// Lambdas in a statement at the top level have no name that the linker could use: gives them one.
void adopt_lambdas(clang::ASTContext& context, clang::TopLevelStmtDecl& statement);

}  // namespace tutti
