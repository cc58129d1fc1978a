# version.h is written at every build but touched only when its text changes, so a commit recompiles only its includers.

set(wzrun_version_dir "${CMAKE_CURRENT_BINARY_DIR}/generated")
if(CMAKE_CXX_COMPILER_TARGET)
  set(wzrun_target_flag --target=${CMAKE_CXX_COMPILER_TARGET})
endif()
execute_process(COMMAND ${CMAKE_CXX_COMPILER} ${wzrun_target_flag} -dumpmachine
  OUTPUT_VARIABLE wzrun_triple OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

set(wzrun_llvm_version none)
if(WZRUN_CODEGEN)
  find_package(LLVM 22.1 REQUIRED CONFIG)
  set(wzrun_llvm_version ${LLVM_PACKAGE_VERSION})
endif()

set(wzrun_write_version
  ${CMAKE_COMMAND} -D SOURCE_DIR=${CMAKE_CURRENT_SOURCE_DIR} -D OUTPUT_DIR=${wzrun_version_dir}
  -D VERSION=${PROJECT_VERSION} -D TARGET=${wzrun_triple} -D LLVM_VERSION=${wzrun_llvm_version}
  -P ${CMAKE_CURRENT_LIST_DIR}/write_version.cmake)
execute_process(COMMAND ${wzrun_write_version} COMMAND_ERROR_IS_FATAL ANY)
add_custom_target(wzrun_write_version COMMAND ${wzrun_write_version}
  BYPRODUCTS ${wzrun_version_dir}/version.h COMMENT "Checking the build id" VERBATIM)

add_library(wzrun_version INTERFACE)
target_include_directories(wzrun_version INTERFACE $<BUILD_INTERFACE:${wzrun_version_dir}>)
add_dependencies(wzrun_version wzrun_write_version)
