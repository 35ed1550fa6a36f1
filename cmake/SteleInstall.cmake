# The CMake package, for find_package(stele). Modules install themselves.
include(CMakePackageConfigHelpers)

set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/stele)
set(STELE_INSTALL_PROTO_DIR ${CMAKE_INSTALL_DATADIR}/stele/proto)
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/stele-config.cmake.in
  ${PROJECT_BINARY_DIR}/stele-config.cmake
  INSTALL_DESTINATION ${folder}
  PATH_VARS STELE_INSTALL_PROTO_DIR)
# Before 1.0 a minor version may break what the one before it promised.
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/stele-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/stele-config.cmake
              ${PROJECT_BINARY_DIR}/stele-config-version.cmake
              ${CMAKE_CURRENT_LIST_DIR}/SteleGenerate.cmake
        DESTINATION ${folder})
install(EXPORT stele-targets NAMESPACE stele:: DESTINATION ${folder})
if(STELE_WITH_NATS)
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/FindNats.cmake DESTINATION ${folder})
  install(EXPORT stele-nats-targets NAMESPACE stele:: DESTINATION ${folder})
endif()
