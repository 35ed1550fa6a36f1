# Everything Stele stands on, all from Debian 12 packages.

find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(libpqxx REQUIRED IMPORTED_TARGET libpqxx)

if(STELE_WITH_NATS)
  find_path(NATS_INCLUDE_DIR nats/nats.h)
  find_library(NATS_LIBRARY nats)
  if(NOT NATS_INCLUDE_DIR OR NOT NATS_LIBRARY)
    message(FATAL_ERROR
            "libnats was not found. Install libnats-dev, or configure with "
            "-DSTELE_WITH_NATS=OFF to build without the NATS adapter.")
  endif()
  add_library(stele_libnats INTERFACE)
  target_include_directories(stele_libnats SYSTEM INTERFACE ${NATS_INCLUDE_DIR})
  target_link_libraries(stele_libnats INTERFACE ${NATS_LIBRARY})
endif()

if(STELE_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
if(STELE_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
