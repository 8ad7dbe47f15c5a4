# tutti_precompile(TARGET [MORE...]): the standard headers and the two libraries that nearly every file includes, parsed once a target.
# Half of the time of a small file goes there. -fpch-preprocess lets ccache see through a precompiled header of GCC.
function(tutti_precompile target)
  target_precompile_headers(${target} PRIVATE
    <algorithm> <array> <cmath> <cstdint> <deque> <filesystem> <functional> <limits> <map> <memory> <optional> <set> <span> <string>
    <string_view> <utility> <variant> <vector> <fmt/format.h> <fmt/ranges.h> <nlohmann/json.hpp> ${ARGN})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
endfunction()
