// Who runs this program.
#pragma once

#include <string>

namespace tutti {

// The login name; empty if the system has none for this process's user.
std::string user_name();

}  // namespace tutti
