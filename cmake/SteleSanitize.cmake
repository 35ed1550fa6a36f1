# What a build with STELE_SANITIZE needs besides the compiler's option.

if(STELE_SANITIZE)
  add_compile_options(-fsanitize=${STELE_SANITIZE} -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # What the sanitizers add hides from GCC that <regex> sets its members.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
  add_link_options(-fsanitize=${STELE_SANITIZE})
endif()

# The environment of tests. Libraries that the sanitizer has not compiled would
# be blamed for what it cannot see in them.
set(STELE_TEST_ENVIRONMENT
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=0)

# tsan_mutex.cc is linked into every program, as an object: in a library it
# would not stand before Abseil's.
if(STELE_SANITIZE MATCHES thread)
  set(object ${PROJECT_BINARY_DIR}/tsan_mutex.o)
  set(check ${PROJECT_BINARY_DIR}/tsan_mutex_check)
  set(flags -std=c++20 -O1 -g1 -fsanitize=thread)
  execute_process(
    COMMAND ${CMAKE_CXX_COMPILER} ${flags} -c -o ${object}
            ${CMAKE_CURRENT_LIST_DIR}/sanitize/tsan_mutex.cc
    COMMAND_ERROR_IS_FATAL ANY)
  execute_process(
    COMMAND ${CMAKE_CXX_COMPILER} ${flags} -o ${check}
            ${CMAKE_CURRENT_LIST_DIR}/sanitize/tsan_mutex_check.cc ${object}
            -labsl_synchronization -labsl_time
    COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${check} RESULT_VARIABLE locked
                  OUTPUT_QUIET ERROR_QUIET)
  execute_process(COMMAND ${check} race RESULT_VARIABLE raced
                  OUTPUT_QUIET ERROR_QUIET)
  if(NOT locked EQUAL 0 OR raced EQUAL 0)
    message(FATAL_ERROR
            "ThreadSanitizer does not understand this Abseil's mutex: "
            "${check} ends with ${locked}, and with ${raced} for a race. "
            "cmake/sanitize/tsan_mutex.cc is written for Debian 12's Abseil.")
  endif()
  add_link_options(${object})
endif()
