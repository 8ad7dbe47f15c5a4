// What a refusal says.
#pragma once

#include <string>

#include "tutti/base/error.h"

namespace tutti {

// Of the Error that `action` throws; "no error" if it throws none.
template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace tutti
