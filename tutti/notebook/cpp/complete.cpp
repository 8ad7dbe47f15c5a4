#include "tutti/notebook/cpp/complete.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>

#include <clang/AST/RawCommentList.h>
#include <clang/Lex/Preprocessor.h>
#include <clang/Sema/CodeCompleteConsumer.h>
#include <clang/Sema/SemaCodeCompletion.h>
#include <nlohmann/json.hpp>

#include "tutti/notebook/cpp/cells_state.h"

namespace tutti {
namespace {

using Json = nlohmann::json;

constexpr unsigned kSeconds = 5;             // a completion that takes longer is of no use
constexpr std::size_t kMost = 1000;          // more nobody reads
constexpr std::size_t kMostBytes = 4 << 20;  // of an answer

const char* kind_of(const clang::CodeCompletionResult& result) {
  if (result.Kind == clang::CodeCompletionResult::RK_Keyword) return "keyword";
  if (result.Kind == clang::CodeCompletionResult::RK_Macro) return "macro";
  const clang::NamedDecl* const declaration = result.Declaration;
  if (!declaration) return "path";
  if (llvm::isa<clang::FunctionDecl, clang::FunctionTemplateDecl>(declaration)) return "function";
  if (llvm::isa<clang::NamespaceDecl, clang::NamespaceAliasDecl>(declaration)) return "module";
  if (llvm::isa<clang::TypeDecl, clang::ClassTemplateDecl, clang::ConceptDecl>(declaration)) return "class";
  if (llvm::isa<clang::FieldDecl>(declaration)) return "property";
  return "instance";
}

// What a completion says of itself: its name, and what stands around it.
struct Described {
  std::string name, signature;
};

Described describe(const clang::CodeCompletionString& string) {
  using Chunk = clang::CodeCompletionString;
  Described described;
  std::string before, behind;
  const auto add = [&](auto&& self, const Chunk& chunks) -> void {
    for (const Chunk::Chunk& chunk : chunks) {
      std::string& text = described.name.empty() ? before : behind;
      switch (chunk.Kind) {
        case Chunk::CK_TypedText:
          described.name = chunk.Text;
          break;
        case Chunk::CK_ResultType:
          before += std::string(chunk.Text) + " ";
          break;
        case Chunk::CK_Optional:
          self(self, *chunk.Optional);
          break;
        case Chunk::CK_VerticalSpace:
          text += ' ';
          break;
        default:
          if (chunk.Text) text += chunk.Text;
      }
    }
  };
  add(add, string);
  described.signature = before + described.name + behind;
  return described;
}

std::string comment_of(clang::Sema& sema, const clang::NamedDecl* declaration) {
  const clang::RawComment* const comment =
      declaration ? clang::getCompletionComment(sema.getASTContext(), declaration) : nullptr;
  return comment ? comment->getFormattedText(sema.getSourceManager(), sema.getDiagnostics()) : "";
}

// In the copy of the process: hears what can stand at the cursor, and tells it as JSON.
class Listener : public clang::CodeCompleteConsumer {
 public:
  Listener() : CodeCompleteConsumer(options()), information_(std::make_shared<clang::GlobalCodeCompletionAllocator>()) {}

  void ProcessCodeCompleteResults(clang::Sema& sema, clang::CodeCompletionContext context, clang::CodeCompletionResult* results,
                                  unsigned count) override {
    const std::string filter = sema.getPreprocessor().getCodeCompletionFilter().str();
    answer["filter"] = filter;
    for (unsigned i = 0; i < count && answer["matches"].size() < kMost; ++i) {
      if (results[i].Hidden || results[i].Availability == CXAvailability_NotAccessible) continue;
      const clang::CodeCompletionString* const string =
          results[i].CreateCodeCompletionString(sema, context, getAllocator(), information_, /*IncludeBriefComments=*/false);
      const Described described = describe(*string);
      // What begins with an underscore is the implementation's, unless it is asked for.
      if (!described.name.starts_with(filter) || (filter.empty() && described.name.starts_with("_"))) continue;
      Json match = {{"name", described.name}, {"kind", kind_of(results[i])}, {"signature", described.signature}};
      if (described.name == filter) match["comment"] = comment_of(sema, results[i].Declaration);
      answer["matches"].push_back(std::move(match));
    }
  }

  void ProcessOverloadCandidates(clang::Sema& sema, unsigned argument, OverloadCandidate* candidates, unsigned count,
                                 clang::SourceLocation, bool braced) override {
    for (unsigned i = 0; i < count; ++i) {
      const clang::CodeCompletionString* const string =
          candidates[i].CreateSignatureString(argument, sema, getAllocator(), information_, false, braced);
      if (!string) continue;
      answer["calls"].push_back(
          {{"signature", describe(*string).signature}, {"comment", comment_of(sema, candidates[i].getFunction())}});
    }
  }

  clang::CodeCompletionAllocator& getAllocator() override { return information_.getAllocator(); }
  clang::CodeCompletionTUInfo& getCodeCompletionTUInfo() override { return information_; }

  Json answer = {{"filter", ""}, {"matches", Json::array()}, {"calls", Json::array()}};

 private:
  static clang::CodeCompleteOptions options() {
    clang::CodeCompleteOptions options;
    options.IncludeMacros = 0;
    options.IncludeGlobals = options.IncludeNamespaceLevelDecls = options.LoadExternal = 1;
    return options;
  }
  clang::CodeCompletionTUInfo information_;
};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Whether what stands there is looked for in an object or a class: text.si, task->si, std::si.
bool is_member(std::string_view before) {
  while (!before.empty() && is_word(before.back())) before.remove_suffix(1);
  return before.ends_with('.') || before.ends_with("->") || before.ends_with("::");
}

// Parses up to the cursor. Never to be gone back from: in a copy of the process.
Json listen(Cells::State& state, std::string code, std::size_t cursor) {
  if (const std::string all = "using namespace tutti;"; !is_member(std::string_view(code).substr(0, cursor))) {
    code = all + code;
    cursor += all.size();
  }
  const std::string_view before = std::string_view(code).substr(0, cursor);
  const auto line = static_cast<unsigned>(std::ranges::count(before, '\n')) + 1;
  const std::size_t break_at = before.rfind('\n');
  const auto column = static_cast<unsigned>(break_at == std::string_view::npos ? cursor : cursor - break_at - 1) + 1;
  Listener listener;
  const clang::FileEntryRef file = write_cell(state, code, "completion");
  clang::Preprocessor& preprocessor = state.compiler->getPreprocessor();
  preprocessor.SetCodeCompletionPoint(file, line, column);
  state.sema().CodeCompletion().CodeCompleter = &listener;
  state.compiler->getDiagnostics().setClient(new clang::IgnoringDiagConsumer);
  if (!enter_cell(state, file)) return listener.answer;
  start_part(state);
  clang::Parser::DeclGroupPtrTy group;
  clang::Sema::ModuleImportState import = clang::Sema::ModuleImportState::NotACXX20Module;
  for (bool end = state.parser->ParseFirstTopLevelDecl(group, import); !end;
       end = state.parser->ParseTopLevelDecl(group, import)) {
  }
  return listener.answer;
}

// All that the copy of the process does. An exception ends it, too: it must not go on as a second kernel.
[[noreturn]] void answer(Cells::State& state, const std::string& code, std::size_t cursor, int pipe) noexcept {
  std::signal(SIGALRM, SIG_DFL);
  ::alarm(kSeconds);
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT}) std::signal(signal, SIG_DFL);
  const std::string text =
      listen(state, code, std::min(cursor, code.size())).dump(-1, ' ', false, Json::error_handler_t::replace);
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t some = ::write(pipe, text.data() + written, text.size() - written);
    if (some <= 0) break;
    written += static_cast<std::size_t>(some);
  }
  ::_exit(0);
}

Json ask(Cells::State& state, const std::string& code, std::size_t cursor) {
  int pipe[2];
  // No program that a thread of the user's starts meanwhile may hold its end open.
  if (::pipe2(pipe, O_CLOEXEC) != 0) return {};
  const pid_t child = ::fork();
  if (child == 0) answer(state, code, cursor, pipe[1]);
  ::close(pipe[1]);
  std::string text;
  char buffer[65536];
  for (ssize_t some = 0; child > 0 && text.size() < kMostBytes && (some = ::read(pipe[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(some));
  ::close(pipe[0]);
  if (child > 0) ::waitpid(child, nullptr, 0);
  return Json::parse(text, nullptr, false);
}

}  // namespace

Completions complete_cell(Cells& cells, const std::string& code, std::size_t cursor) {
  const Json answer = ask(cells.state(), code, cursor);
  Completions completions{.matches = {}, .begin = cursor, .end = cursor};
  if (!answer.is_object()) return completions;
  const std::string filter = answer["filter"];
  completions.begin = cursor - std::min(cursor, filter.size());
  for (const Json& match : answer["matches"]) {
    const std::string name = match["name"];
    const auto same = std::ranges::find(completions.matches, name, &Completion::text);
    if (same == completions.matches.end()) completions.matches.push_back({name, match["kind"], match["signature"]});
  }
  std::ranges::sort(completions.matches, {}, &Completion::text);
  return completions;
}

std::optional<MimeBundle> inspect_cell(Cells& cells, const std::string& code, std::size_t cursor) {
  // The whole word around the cursor; behind a '(' or ',', the call.
  std::size_t end = std::min(cursor, code.size());
  const bool in_word = (end < code.size() && is_word(code[end])) || (end > 0 && is_word(code[end - 1]));
  while (in_word && end < code.size() && is_word(code[end])) ++end;
  const Json answer = ask(cells.state(), code, end);
  if (!answer.is_object()) return {};
  std::string text;
  const auto add = [&](const Json& item) {
    const std::string comment = item.value("comment", "");
    text += (text.empty() ? "" : "\n\n") + item.value("signature", "") + (comment.empty() ? "" : "\n\n" + comment);
  };
  const std::string filter = answer["filter"];
  for (const Json& match : answer["matches"])
    if (in_word && match["name"] == filter) add(match);
  if (!in_word)
    for (const Json& call : answer["calls"]) add(call);
  if (text.empty()) return {};
  return MimeBundle{{"text/plain", text}};
}

}  // namespace tutti
