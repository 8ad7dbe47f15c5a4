# install, find_package(tutti), and the Debian package.
include(CMakePackageConfigHelpers)

install(TARGETS tutti EXPORT tuttiTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET tutti_program)
  install(TARGETS tutti_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET tutti_onednn)
  install(TARGETS tutti_onednn LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/tutti)
endif()
# Packages of their own: LibTorch, clang and LLVM are large, and tutti does without them.
if(TARGET tutti_torch)
  install(TARGETS tutti_torch LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/tutti COMPONENT torch)
endif()
if(TARGET tutti_cpp)
  install(TARGETS tutti_cpp LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/tutti COMPONENT notebook)
endif()
# Neither what belongs to plug-ins and instruction sets, nor what only tests include.
install(DIRECTORY ${CMAKE_SOURCE_DIR}/tutti DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h"
  PATTERN "onednn" EXCLUDE PATTERN "torch" EXCLUDE PATTERN "isa" EXCLUDE PATTERN "jupyter" EXCLUDE PATTERN "notebook/cpp" EXCLUDE
  PATTERN "fake_*.h" EXCLUDE PATTERN "golden_cases.h" EXCLUDE)
# What `tutti lab build` makes its image of.
install(DIRECTORY ${CMAKE_SOURCE_DIR}/deploy/lab DESTINATION ${CMAKE_INSTALL_DATADIR}/tutti USE_SOURCE_PERMISSIONS
  PATTERN node_modules EXCLUDE PATTERN generated EXCLUDE)
install(EXPORT tuttiTargets NAMESPACE tutti:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tutti)
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/tuttiConfig.cmake.in ${CMAKE_BINARY_DIR}/tuttiConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tutti)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/tuttiConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/tuttiConfig.cmake ${CMAKE_BINARY_DIR}/tuttiConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tutti)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tutti)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_NAME tutti)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_SUGGESTS "tutti-torch, tutti-notebook")
set(CPACK_DEBIAN_TORCH_PACKAGE_NAME tutti-torch)
set(CPACK_COMPONENT_TORCH_DESCRIPTION "LibTorch as one of tutti's engines")
set(CPACK_DEBIAN_TORCH_PACKAGE_DEPENDS "tutti (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_NOTEBOOK_PACKAGE_NAME tutti-notebook)
set(CPACK_COMPONENT_NOTEBOOK_DESCRIPTION "C++ scripts and Jupyter notebooks: tutti run, tutti kernel")
# Beside the libraries that it links to: the headers that every script and cell is compiled with.
set(CPACK_DEBIAN_NOTEBOOK_PACKAGE_DEPENDS
  "tutti (= ${PROJECT_VERSION}), libclang-common-19-dev, libstdc++-12-dev, libc6-dev, libfmt-dev, nlohmann-json3-dev")
set(CPACK_PACKAGE_CONTACT "the tutti authors <tutti@example.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# shlibdeps must find libtutti, which no package has yet.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS gnuplot-nox)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)

# The man page comes from the help text; without help2man there is none.
find_program(HELP2MAN help2man)
if(HELP2MAN AND TARGET tutti_program)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/tutti.1
    COMMAND ${HELP2MAN} --no-info --version-string=${PROJECT_VERSION} --name=${PROJECT_DESCRIPTION}
            --output=${CMAKE_BINARY_DIR}/tutti.1 $<TARGET_FILE:tutti_program>
    DEPENDS tutti_program VERBATIM)
  add_custom_target(tutti_man ALL DEPENDS ${CMAKE_BINARY_DIR}/tutti.1)
  install(FILES ${CMAKE_BINARY_DIR}/tutti.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
