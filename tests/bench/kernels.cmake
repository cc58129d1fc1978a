# Each kernel of testdata/bench prints on wzrun what its native build prints. The second word is a size so small that the
# interpreter needs less than a second.
set(kernels
  allocation:50000
  bytecode:20000
  checksums:2
  compression:2
  fannkuch:100000
  hash_map:100000
  json:2
  mandelbrot:30
  matrix_product:40
  nbody:1000
  sha256:2
  sort:20000
  spectral_norm:60
  stencil_2d:5
  stencil_3d:3
  string_search:4)

if(NOT CMAKE_SCRIPT_MODE_FILE)
  foreach(kernel IN LISTS kernels)
    string(REPLACE ":" ";" kernel ${kernel})
    list(GET kernel 0 name)
    list(GET kernel 1 size)
    add_test(NAME kernel.${name} COMMAND ${CMAKE_COMMAND} -D wzrun=$<TARGET_FILE:wzrun_cmd>
      -D native=${wzrun_kernels_dir}/${name}
      -D module=${wzrun_testdata_wasm_dir}/bench/${name}.wasm -D size=${size} -P ${CMAKE_CURRENT_LIST_FILE})
    set_tests_properties(kernel.${name} PROPERTIES LABELS bench-correct TIMEOUT 600)
  endforeach()
  return()
endif()

execute_process(COMMAND ${native} ${size} OUTPUT_VARIABLE expected COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${wzrun} version OUTPUT_VARIABLE version COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "\nengines +([^\n]*)" line "${version}")
string(REGEX MATCHALL "interp|llvm" engines "${CMAKE_MATCH_1}")
if(NOT expected OR NOT engines)
  message(FATAL_ERROR "${native} printed nothing, or wzrun version names no engine")
endif()
set(ENV{WZRUN_CACHE_DIR} ${native}.cache)
foreach(engine IN LISTS engines)
  execute_process(COMMAND ${wzrun} --engine ${engine} ${module} ${size}
    OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
  if(NOT printed STREQUAL expected)
    message(FATAL_ERROR "--engine ${engine} printed\n${printed}native code printed\n${expected}")
  endif()
endforeach()
