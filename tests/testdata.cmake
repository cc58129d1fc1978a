# testdata/**/*.wat and testdata/**/*.c become .wasm files of the same relative name under wzrun_testdata_wasm_dir. The
# kernels testdata/bench/NAME.c become native programs as well, in wzrun_kernels_dir: NAME, and NAME-march for this
# machine alone.

set(wzrun_testdata_wasm_dir ${PROJECT_BINARY_DIR}/testdata)
set(testdata_dir ${PROJECT_SOURCE_DIR}/testdata)
set(wzrun_kernels_dir ${PROJECT_BINARY_DIR}/kernels)
set(dependencies_dir ${CMAKE_CURRENT_BINARY_DIR}/testdata)
file(MAKE_DIRECTORY ${wzrun_testdata_wasm_dir} ${wzrun_kernels_dir} ${dependencies_dir})

find_program(WZRUN_WAT2WASM wat2wasm REQUIRED)
find_program(WZRUN_WASM_CC clang-22 REQUIRED)  # with wasi-libc and the wasm32 builtins

# Compiles ${input} to `output` with further arguments, which follow it so that libraries may be among them.
macro(wzrun_compile_testdata output)
  string(MAKE_C_IDENTIFIER ${output} dependencies)
  set(dependencies ${dependencies_dir}/${dependencies}.d)
  add_custom_command(OUTPUT ${output}
    COMMAND ${WZRUN_WASM_CC} ${input} -o ${output} -MD -MF ${dependencies} ${ARGN}
    DEPENDS ${input} DEPFILE ${dependencies} COMMENT "Compiling testdata/${program}" VERBATIM)
  list(APPEND outputs ${output})
endmacro()

# Contraction would round differently on machines that multiply and add in one step, which WebAssembly does not.
set(kernel_flags -O3 -ffp-contract=off)

file(GLOB_RECURSE programs CONFIGURE_DEPENDS RELATIVE ${testdata_dir} ${testdata_dir}/*.wat ${testdata_dir}/*.c)
foreach(program IN LISTS programs)
  set(input ${testdata_dir}/${program})
  cmake_path(REPLACE_EXTENSION program LAST_ONLY wasm OUTPUT_VARIABLE output)
  set(output ${wzrun_testdata_wasm_dir}/${output})
  cmake_path(GET output PARENT_PATH folder)
  file(MAKE_DIRECTORY ${folder})
  if(program MATCHES "\\.wat$")
    set(command ${WZRUN_WAT2WASM} --enable-all --debug-names ${input} -o ${output})
    add_custom_command(OUTPUT ${output} COMMAND ${command} DEPENDS ${input} COMMENT "Assembling testdata/${program}" VERBATIM)
    list(APPEND outputs ${output})
    continue()
  endif()
  # Debian's wasi-libc is installed for the old name of the target, which clang calls deprecated.
  set(wasm_target --target=wasm32-wasi -Wno-deprecated)
  if(program MATCHES "^bench/")
    wzrun_compile_testdata(${output} ${wasm_target} ${kernel_flags})
    cmake_path(GET input STEM kernel)
    set(native ${wzrun_kernels_dir}/${kernel})
    wzrun_compile_testdata(${native} ${kernel_flags} -lm)
    wzrun_compile_testdata(${native}-march ${kernel_flags} -march=native -lm)
  else()
    wzrun_compile_testdata(${output} ${wasm_target} -O2)
  endif()
endforeach()
add_custom_target(wzrun_testdata ALL DEPENDS ${outputs})
