# Everything Stele stands on, all from Debian 12 packages. What the installed
# package looks for again is in stele-config.cmake.in.

find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)
find_package(spdlog CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(libpqxx REQUIRED IMPORTED_TARGET libpqxx)
# The kits for users' tests are part of the package.
find_package(GTest REQUIRED)

if(STELE_WITH_NATS)
  find_package(Nats REQUIRED)
endif()
if(STELE_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
