# Runs PROGRAM and compares what it prints with expected.out, which the
# documentation shows.
execute_process(COMMAND ${PROGRAM} RESULT_VARIABLE code OUTPUT_VARIABLE output)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ended with ${code}")
endif()
file(READ ${CMAKE_CURRENT_LIST_DIR}/expected.out expected)
string(REGEX REPLACE "# [^\n]*\n" "" expected "${expected}")
if(NOT output STREQUAL expected)
  message(FATAL_ERROR "Expected:\n${expected}\nbut it printed:\n${output}")
endif()
