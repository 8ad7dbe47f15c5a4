// The content of requests and replies.
#pragma once

#include <string>

#include "tutti/notebook/interpreter.h"
#include "tutti/notebook/jupyter/history.h"
#include "tutti/notebook/jupyter/message.h"

namespace tutti::jupyter {

// A field of a request; the fallback if it is missing, null or of another type.
std::string text_of(const Json& content, const char* name);
bool flag_of(const Json& content, const char* name, bool fallback);
int number_of(const Json& content, const char* name, int fallback);

// "code" and "cursor_pos", which is in bytes here.
struct CodeAt {
  std::string code;
  std::size_t cursor = 0;
};
CodeAt code_at(const Json& content);

Json completions_content(const std::string& code, const Completions& completions);
Json history_content(History& history, const Json& request);
Json error_content(const CellError& error);

// In a line that is a magic.
Completions complete_magic(const std::string& code, std::size_t cursor);
std::optional<MimeBundle> inspect_magic(const std::string& code, std::size_t cursor);

}  // namespace tutti::jupyter
