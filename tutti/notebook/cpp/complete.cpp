#include "tutti/notebook/cpp/complete.h"
namespace tutti {
Completions complete_cell(Cells&, const std::string&, std::size_t) { return {}; }
std::optional<MimeBundle> inspect_cell(Cells&, const std::string&, std::size_t, int) { return {}; }
}  // namespace tutti
