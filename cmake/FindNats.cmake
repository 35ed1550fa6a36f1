# The client library of NATS, which brings no CMake package of its own: target
# nats::nats.
find_path(NATS_INCLUDE_DIR nats/nats.h)
find_library(NATS_LIBRARY nats)
mark_as_advanced(NATS_INCLUDE_DIR NATS_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Nats
  REQUIRED_VARS NATS_LIBRARY NATS_INCLUDE_DIR
  REASON_FAILURE_MESSAGE
    "Install libnats-dev, or do without the NATS adapter: configure Stele with \
-DSTELE_WITH_NATS=OFF, or leave the component \"nats\" out.")

if(Nats_FOUND AND NOT TARGET nats::nats)
  add_library(nats::nats UNKNOWN IMPORTED)
  set_target_properties(
    nats::nats PROPERTIES IMPORTED_LOCATION ${NATS_LIBRARY}
                          INTERFACE_INCLUDE_DIRECTORIES ${NATS_INCLUDE_DIR})
endif()
