#include "tutti/notebook/cpp/cells_state.h"

namespace tutti {

namespace {

bool is_instantiation(const clang::Decl* declaration) {
  if (const auto* function = llvm::dyn_cast<clang::FunctionDecl>(declaration)) return function->isTemplateInstantiation();
  if (const auto* variable = llvm::dyn_cast<clang::VarDecl>(declaration))
    return clang::isTemplateInstantiation(variable->getTemplateSpecializationKind());
  if (const auto* record = llvm::dyn_cast<clang::CXXRecordDecl>(declaration))
    return clang::isTemplateInstantiation(record->getTemplateSpecializationKind());
  return false;
}

}  // namespace

void HoldingConsumer::say(const clang::Decl* about, Event event) {
  if (direct_)
    event(*generator_);
  else
    held_.push_back({std::move(event), about->isFromASTFile() || (is_instantiation(about) && !about->isInvalidDecl())});
}

void HoldingConsumer::drop() {
  std::erase_if(held_, [](const Held& held) { return !held.lasting; });
}

void HoldingConsumer::release() {
  direct_ = true;
  // An event may bring others with it.
  while (!held_.empty()) {
    const Event event = std::move(held_.front().event);
    held_.pop_front();
    event(*generator_);
  }
}

bool HoldingConsumer::HandleTopLevelDecl(clang::DeclGroupRef group) {
  if (group.isNull()) return true;
  say(*group.begin(), [group](clang::CodeGenerator& generator) { generator.HandleTopLevelDecl(group); });
  return true;
}
void HoldingConsumer::HandleInlineFunctionDefinition(clang::FunctionDecl* function) {
  say(function, [function](clang::CodeGenerator& generator) { generator.HandleInlineFunctionDefinition(function); });
}
void HoldingConsumer::HandleInterestingDecl(clang::DeclGroupRef group) { HandleTopLevelDecl(group); }
void HoldingConsumer::HandleTagDeclDefinition(clang::TagDecl* tag) {
  say(tag, [tag](clang::CodeGenerator& generator) { generator.HandleTagDeclDefinition(tag); });
}
void HoldingConsumer::HandleTagDeclRequiredDefinition(const clang::TagDecl* tag) {
  say(tag, [tag](clang::CodeGenerator& generator) { generator.HandleTagDeclRequiredDefinition(tag); });
}
void HoldingConsumer::HandleCXXImplicitFunctionInstantiation(clang::FunctionDecl* function) {
  say(function, [function](clang::CodeGenerator& generator) { generator.HandleCXXImplicitFunctionInstantiation(function); });
}
void HoldingConsumer::CompleteTentativeDefinition(clang::VarDecl* variable) {
  say(variable, [variable](clang::CodeGenerator& generator) { generator.CompleteTentativeDefinition(variable); });
}
void HoldingConsumer::CompleteExternalDeclaration(clang::DeclaratorDecl* declaration) {
  say(declaration, [declaration](clang::CodeGenerator& generator) { generator.CompleteExternalDeclaration(declaration); });
}
void HoldingConsumer::AssignInheritanceModel(clang::CXXRecordDecl* record) {
  say(record, [record](clang::CodeGenerator& generator) { generator.AssignInheritanceModel(record); });
}
void HoldingConsumer::HandleCXXStaticMemberVarInstantiation(clang::VarDecl* variable) {
  say(variable, [variable](clang::CodeGenerator& generator) { generator.HandleCXXStaticMemberVarInstantiation(variable); });
}
void HoldingConsumer::HandleVTable(clang::CXXRecordDecl* record) {
  say(record, [record](clang::CodeGenerator& generator) { generator.HandleVTable(record); });
}

}  // namespace tutti
