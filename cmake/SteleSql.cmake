# stele_migrations(): from .sql files to a stele::postgres::MigrationSet.

# stele_migrations(TARGET stele_eventstore COMPONENT eventstore
#                  FUNCTION EventStoreMigrations FILES sql/0001_events.sql ...)
#
# Adds to TARGET the function `const postgres::MigrationSet& FUNCTION()` of
# namespace stele, which holds the texts of FILES, numbered in the order given.
# Declare it in a header of the module.
function(stele_migrations)
  cmake_parse_arguments(ARG "" "TARGET;COMPONENT;FUNCTION" "FILES" ${ARGN})
  if(NOT ARG_TARGET OR NOT ARG_COMPONENT OR NOT ARG_FUNCTION OR NOT ARG_FILES)
    message(FATAL_ERROR
            "stele_migrations() needs TARGET, COMPONENT, FUNCTION and FILES.")
  endif()
  set(number 0)
  set(migrations "")
  foreach(file IN LISTS ARG_FILES)
    set(path ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(READ ${path} text)
    get_filename_component(name ${path} NAME_WE)
    math(EXPR number "${number} + 1")
    set(literal "R\"stele_sql(${text})stele_sql\"")
    string(APPEND migrations
           "       {${number}, \"${name}\", ${literal}},\n")
  endforeach()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${ARG_COMPONENT}_migrations.cc)
  file(GENERATE OUTPUT ${out} CONTENT
"// Made from the .sql files of ${ARG_COMPONENT}. Do not edit.
#include \"stele/postgres/migrator.h\"

namespace stele {

const postgres::MigrationSet& ${ARG_FUNCTION}() {
  static const auto& set = *new postgres::MigrationSet{
      \"${ARG_COMPONENT}\",
      {
${migrations}      }};
  return set;
}

}  // namespace stele
")
  target_sources(${ARG_TARGET} PRIVATE ${out})
endfunction()
