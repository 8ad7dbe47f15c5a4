#include "tutti/base/error.h"

namespace tutti {

Error::Error(std::string_view where, std::string_view message) : std::runtime_error(fmt::format("[{}] {}", where, message)) {}

Interrupted::Interrupted() : std::runtime_error("interrupted") {}

}  // namespace tutti
