# usage: cmake -D SOURCE_DIR= -D OUTPUT_DIR= -D VERSION= -D TARGET= -P write_version.cmake

# Only this checkout's own repository counts, not one that happens to contain an unpacked archive.
if(EXISTS "${SOURCE_DIR}/.git")
  execute_process(COMMAND git -C "${SOURCE_DIR}" describe --always --dirty
    OUTPUT_VARIABLE BUILD_ID OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT BUILD_ID)
  set(BUILD_ID "unknown")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/version.h.in" "${OUTPUT_DIR}/version.h" @ONLY)
