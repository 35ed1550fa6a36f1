# What a build of Stele can be told. Presets set these; consumers rarely do.

option(STELE_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(STELE_BUILD_SAMPLES "Build the samples" ${PROJECT_IS_TOP_LEVEL})
option(STELE_BUILD_BENCHMARKS "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(STELE_WITH_NATS "Build the NATS JetStream adapter" ON)
option(STELE_WERROR "Treat warnings as errors" OFF)
set(STELE_SANITIZE "" CACHE STRING
    "Sanitizers to build with, for -fsanitize= (address,undefined or thread)")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

find_program(STELE_CCACHE ccache)
if(STELE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths within the tree do not count, so that another checkout finds what was
  # compiled before.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 ${STELE_CCACHE})
endif()
