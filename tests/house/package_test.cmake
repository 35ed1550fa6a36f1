# Installs BUILD into a folder of its own, builds the quick start against it as
# a stranger would, and runs its tests. Then links the adapter for NATS.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code
                  OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    string(JOIN " " command ${ARGN})
    message(FATAL_ERROR "${command}\n${output}")
  endif()
endfunction()

function(build_stranger source)
  run(${CMAKE_COMMAND} -S ${source} -B ${source}/build -G Ninja
      -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_BUILD_TYPE=Debug
      -DCMAKE_CXX_COMPILER=${COMPILER}
      "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" "-DCMAKE_CXX_FLAGS=${FLAGS}")
  run(${CMAKE_COMMAND} --build ${source}/build)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
file(COPY ${QUICKSTART} DESTINATION ${WORK})
build_stranger(${WORK}/quickstart)
run(${CMAKE_CTEST_COMMAND} --test-dir ${WORK}/quickstart/build
    --output-on-failure --no-tests=error)

file(
  WRITE ${WORK}/nats/CMakeLists.txt
  "cmake_minimum_required(VERSION 3.25)
project(nats LANGUAGES CXX)
find_package(stele 0.1 REQUIRED COMPONENTS nats)
add_executable(nats main.cc)
target_link_libraries(nats PRIVATE stele::broker_nats)
")
file(WRITE ${WORK}/nats/main.cc
     "#include \"stele/outbox/brokers/nats.h\"
int main() { return stele::MakeNatsBroker({}).ok() ? 0 : 1; }
")
build_stranger(${WORK}/nats)
run(${WORK}/nats/build/nats)
file(REMOVE_RECURSE ${WORK})
