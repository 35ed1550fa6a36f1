# stele_generate(): from .proto files to typed C++.

# stele_generate(TARGET orders_model PROTOS orders/order.proto ...
#                [IMPORT_DIRS dir ...] [DEPS target ...])
#
# Makes the static library TARGET from the messages of PROTOS, with the
# .stele.h headers that protoc-gen-stele writes for them. Paths are relative to
# the current source directory, those of IMPORT_DIRS too unless they are
# absolute; it is also the first import directory. DEPS
# are linked: the models that this one imports, and the parts of Stele that it
# uses (all of it, stele::stele, unless DEPS names some).
function(stele_generate)
  cmake_parse_arguments(ARG "" "TARGET" "PROTOS;IMPORT_DIRS;DEPS" ${ARGN})
  if(NOT ARG_TARGET OR NOT ARG_PROTOS)
    message(FATAL_ERROR "stele_generate() needs TARGET and PROTOS.")
  endif()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${ARG_TARGET}.gen)
  file(MAKE_DIRECTORY ${out})
  get_property(stele_protos GLOBAL PROPERTY STELE_PROTO_DIR)
  set(imports -I ${CMAKE_CURRENT_SOURCE_DIR})
  foreach(dir IN LISTS ARG_IMPORT_DIRS)
    get_filename_component(dir ${dir} ABSOLUTE
                           BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
    list(APPEND imports -I ${dir})
  endforeach()
  list(APPEND imports -I ${stele_protos})

  set(sources "")
  foreach(proto IN LISTS ARG_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    # In the order of protoc's dependency file: Ninja believes it only if both
    # begin with the same output.
    set(made ${out}/${stem}.pb.cc ${out}/${stem}.pb.h ${out}/${stem}.stele.h)
    add_custom_command(
      OUTPUT ${made}
      COMMAND protobuf::protoc ${imports} --cpp_out=${out}
              --plugin=protoc-gen-stele=$<TARGET_FILE:stele::protoc-gen-stele>
              --stele_out=${out} --dependency_out=${out}/${stem}.d
              ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
      DEPFILE ${out}/${stem}.d
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${proto} stele::protoc-gen-stele
      COMMENT "Generating from ${proto}"
      VERBATIM)
    list(APPEND sources ${made})
  endforeach()

  add_library(${ARG_TARGET} STATIC ${sources})
  target_include_directories(${ARG_TARGET} SYSTEM PUBLIC ${out})
  if(NOT ARG_DEPS MATCHES "(^|;)stele::")
    list(APPEND ARG_DEPS stele::stele)
  endif()
  target_link_libraries(${ARG_TARGET} PUBLIC ${ARG_DEPS})
endfunction()
