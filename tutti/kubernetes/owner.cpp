#include "tutti/kubernetes/owner.h"

#include <pwd.h>
#include <unistd.h>

namespace tutti {

std::string user_name() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry ? entry->pw_name : "";
}

}  // namespace tutti
