# testdata/**/*.wat and testdata/**/*.c become .wasm files of the same relative name under wzrun_testdata_wasm_dir.

set(wzrun_testdata_wasm_dir ${PROJECT_BINARY_DIR}/testdata)
set(testdata_dir ${PROJECT_SOURCE_DIR}/testdata)
file(MAKE_DIRECTORY ${wzrun_testdata_wasm_dir})

find_program(WZRUN_WAT2WASM wat2wasm REQUIRED)
find_program(WZRUN_WASM_CC clang-22 REQUIRED)  # with wasi-libc and the wasm32 builtins
file(GLOB_RECURSE programs CONFIGURE_DEPENDS RELATIVE ${testdata_dir} ${testdata_dir}/*.wat ${testdata_dir}/*.c)
foreach(program IN LISTS programs)
  set(input ${testdata_dir}/${program})
  cmake_path(REPLACE_EXTENSION program LAST_ONLY wasm OUTPUT_VARIABLE output)
  set(output ${wzrun_testdata_wasm_dir}/${output})
  cmake_path(GET output PARENT_PATH folder)
  file(MAKE_DIRECTORY ${folder})
  if(program MATCHES "\\.wat$")
    set(command ${WZRUN_WAT2WASM} --enable-all --debug-names ${input} -o ${output})
  else()
    # Debian's wasi-libc is installed for the old name of the target, which clang calls deprecated.
    set(command ${WZRUN_WASM_CC} --target=wasm32-wasi -Wno-deprecated -O2 ${input} -o ${output})
  endif()
  add_custom_command(OUTPUT ${output} COMMAND ${command} DEPENDS ${input} COMMENT "Assembling testdata/${program}" VERBATIM)
  list(APPEND outputs ${output})
endforeach()
add_custom_target(wzrun_testdata ALL DEPENDS ${outputs})
