# stele_generate() makes what is missing or older than what it is made from,
# imports included, and nothing else.
#
# cmake -DSOURCE=<root> -DPLUGIN=<path> -DCXX=<path> -DWORK=<folder> -P <this>

cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/shared)
file(WRITE ${WORK}/CMakeLists.txt "
cmake_minimum_required(VERSION 3.25)
project(incremental CXX)
list(APPEND CMAKE_MODULE_PATH ${SOURCE}/cmake)
find_package(Protobuf REQUIRED)
include(SteleGenerate)
add_executable(stele::protoc-gen-stele IMPORTED)
set_target_properties(stele::protoc-gen-stele
                      PROPERTIES IMPORTED_LOCATION ${PLUGIN})
set_property(GLOBAL PROPERTY STELE_PROTO_DIR ${SOURCE}/proto)
add_library(stele_stele INTERFACE)
add_library(stele::stele ALIAS stele_stele)
add_subdirectory(shared)
stele_generate(TARGET model PROTOS a.proto b.proto c.proto
               IMPORT_DIRS \${CMAKE_CURRENT_SOURCE_DIR}/shared
               DEPS shared_model)
")
file(WRITE ${WORK}/shared/CMakeLists.txt
     "stele_generate(TARGET shared_model PROTOS money.proto)\n")
set(begin "syntax = \"proto3\";")
file(WRITE ${WORK}/shared/money.proto "${begin} message Money {}\n")
file(WRITE ${WORK}/a.proto "${begin} message A {}\n")
file(WRITE ${WORK}/b.proto
     "${begin} import \"a.proto\"; message B { A a = 1; }\n")
file(WRITE ${WORK}/c.proto
     "${begin} import \"money.proto\"; message C { Money m = 1; }\n")

execute_process(COMMAND ${CMAKE_COMMAND} -S ${WORK} -B ${WORK}/build -G Ninja
                        -DCMAKE_CXX_COMPILER=${CXX}
                COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)

# Builds the headers and checks that exactly those of ARGN were generated.
function(expect_generated when)
  execute_process(
    COMMAND ${CMAKE_COMMAND} --build ${WORK}/build
            --target model.gen/a.stele.h model.gen/b.stele.h model.gen/c.stele.h
                     shared/shared_model.gen/money.stele.h
    COMMAND_ERROR_IS_FATAL ANY
    OUTPUT_VARIABLE output)
  foreach(name a b c money)
    string(FIND "${output}" "Generating from ${name}.proto" found)
    if(name IN_LIST ARGN AND found EQUAL -1)
      message(FATAL_ERROR "${when}: ${name} was not generated:\n${output}")
    elseif(NOT name IN_LIST ARGN AND NOT found EQUAL -1)
      message(FATAL_ERROR "${when}: ${name} was generated again:\n${output}")
    endif()
  endforeach()
endfunction()

expect_generated("At first" a b c money)
expect_generated("Again")
file(APPEND ${WORK}/b.proto "// Changed.\n")
expect_generated("After a change" b)
file(APPEND ${WORK}/a.proto "// Changed.\n")
expect_generated("After a change of an import" a b)
file(APPEND ${WORK}/shared/money.proto "// Changed.\n")
expect_generated("After a change of another target's" c money)
file(REMOVE ${WORK}/build/model.gen/c.stele.h)
expect_generated("After a loss" c)
