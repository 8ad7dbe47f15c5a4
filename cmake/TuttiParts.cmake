# tutti_glob(OUT FOLDER): the sources of a part, its tests, plug-ins and the notebook kernel left out.
function(tutti_glob out folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "/engines/(onednn|torch)/|/notebook/(cpp|jupyter)/")
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

# One test program for each part that has tests: test_base, test_graph, ...; *_test.cpp beside their sources.
function(tutti_add_unit_tests)
  foreach(part ${TUTTI_PARTS})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tutti/${part}/*_test.cpp)
    # These have test programs of their own.
    list(FILTER sources EXCLUDE REGEX "/notebook/(jupyter|cpp)/")
    if(sources)
      tutti_add_test(test_${part} ${sources})
    endif()
  endforeach()
  if(TARGET tutti_cpp_objects)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tutti/notebook/cpp/*_test.cpp)
    tutti_test_program(test_cpp ${sources})
    target_link_libraries(test_cpp PRIVATE tutti_cpp_objects GTest::gtest_main)
    # One entry for all of them: a process of its own would start a compiler for each.
    add_test(NAME cpp COMMAND test_cpp --gtest_brief=1)
    set_tests_properties(cpp PROPERTIES TIMEOUT 300 ENVIRONMENT XDG_CACHE_HOME=${CMAKE_BINARY_DIR}/cache)
  endif()
endfunction()

# tutti_test_program(NAME SOURCES...): a GoogleTest program; all of them share one precompiled header.
function(tutti_test_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE tutti tutti_warnings nlohmann_json::nlohmann_json GTest::gmock)
  target_compile_definitions(${name} PRIVATE TUTTI_SOURCE_DIR="${CMAKE_SOURCE_DIR}" TUTTI_BINARY_DIR="${CMAKE_BINARY_DIR}")
  get_property(first GLOBAL PROPERTY tutti_first_test)
  if(first)
    target_precompile_headers(${name} REUSE_FROM ${first})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${name} PRIVATE -fpch-preprocess)
    endif()
  else()
    tutti_precompile(${name} <gmock/gmock.h>)
    set_property(GLOBAL PROPERTY tutti_first_test ${name})
  endif()
endfunction()

# tutti_add_test(NAME SOURCES...): the same, each of its tests known to ctest.
function(tutti_add_test name)
  tutti_test_program(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 300 SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]")
endfunction()
