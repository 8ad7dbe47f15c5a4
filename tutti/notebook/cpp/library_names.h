// tutti's names in cells, without `tutti::`.
#pragma once

#include <clang/Sema/Sema.h>

namespace tutti {

// From now on a name that nothing else has is looked for in namespace tutti. Not by a using-directive, for which a cell's own
// `score` and tutti::score would be equals, and each use of it ambiguous.
void find_library_names(clang::Sema& sema);

}  // namespace tutti
