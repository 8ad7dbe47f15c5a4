# Warnings of our own code; errors unless TUTTI_WERROR is off (a packager's newer compiler may find new ones).
option(TUTTI_WERROR "Treat warnings as errors" ON)
add_library(tutti_warnings INTERFACE)
target_compile_options(tutti_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${TUTTI_WERROR}>:-Werror>
  # Designated initialisers leave the rest at its default on purpose.
  -Wno-missing-field-initializers
  # False alarms of GCC 12 inside std::string and nlohmann::json (GCC bugs 105329, 105562).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-maybe-uninitialized>)
