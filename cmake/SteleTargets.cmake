# The few functions that every CMakeLists.txt of the house is written with.
# Files are listed, never globbed.

# Warnings for our own code, on whatever compiler builds it.
function(stele_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra
                         -Wnon-virtual-dtor -Woverloaded-virtual
                         -Werror=unused-result)
  if(STELE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  # Not all of -Wshadow: the options of options.proto are variables of namespace
  # stele (stele::event, stele::id), which is no reason to avoid those names.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wshadow=local)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(${target} PRIVATE -Wthread-safety)
  endif()
endfunction()

# stele_library(NAME eventstore SRCS ... DEPS ... PRIVATE_DEPS ...
#               [COMPONENT nats])
#
# A module of the house: target stele_<name>, alias stele::<name>. Its public
# headers are in include/, its private ones in src/. It is installed as part of
# the package or of the optional COMPONENT.
function(stele_library)
  cmake_parse_arguments(ARG "" "NAME;COMPONENT" "SRCS;DEPS;PRIVATE_DEPS"
                        ${ARGN})
  set(target stele_${ARG_NAME})
  add_library(${target} STATIC ${ARG_SRCS})
  add_library(stele::${ARG_NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${ARG_NAME})
  target_include_directories(
    ${target}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_link_libraries(${target} PUBLIC ${ARG_DEPS}
                                  PRIVATE ${ARG_PRIVATE_DEPS})
  target_compile_features(${target} PUBLIC cxx_std_20)
  stele_warnings(${target})
  set(export stele-targets)
  if(ARG_COMPONENT)
    set(export stele-${ARG_COMPONENT}-targets)
  endif()
  install(TARGETS ${target} EXPORT ${export}
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/include)
    install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  endif()
endfunction()

# stele_test(NAME store_test SRCS ... DEPS ... [LABELS ...] [TIMEOUT seconds])
#
# One GoogleTest program, one ctest entry.
function(stele_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT" "SRCS;DEPS;LABELS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} GTest::gmock_main)
  stele_warnings(${ARG_NAME})
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(STELE_SANITIZE)  # Everything takes its time.
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
  endif()
  set_tests_properties(${ARG_NAME} PROPERTIES TIMEOUT ${ARG_TIMEOUT}
                       LABELS "${ARG_LABELS}"
                       ENVIRONMENT "${STELE_TEST_ENVIRONMENT}")
endfunction()
