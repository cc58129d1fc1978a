# usage: cmake -D SOURCE_DIR= -D OUTPUT_DIR= -D VERSION= -D TARGET= -D LLVM_VERSION= -P write_version.cmake

# Only this checkout's own repository counts, not one that happens to contain an unpacked archive.
if(EXISTS "${SOURCE_DIR}/.git")
  execute_process(COMMAND git -C "${SOURCE_DIR}" describe --always --dirty
    OUTPUT_VARIABLE BUILD_ID OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  # Two states of an edited tree are two builds: cached code of one must not run in the other.
  if(BUILD_ID MATCHES "-dirty$")
    execute_process(COMMAND git -C "${SOURCE_DIR}" diff HEAD COMMAND git hash-object --stdin
      OUTPUT_VARIABLE changes OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    string(SUBSTRING "${changes}" 0 8 changes)
    string(APPEND BUILD_ID "-${changes}")
  endif()
endif()
if(NOT BUILD_ID)
  set(BUILD_ID "unknown")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/version.h.in" "${OUTPUT_DIR}/version.h" @ONLY)
