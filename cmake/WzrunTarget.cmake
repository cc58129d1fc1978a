# Flags that every target of this project gets, and only they: an embedder's own targets stay untouched.

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug or RelWithDebInfo" FORCE)
endif()

find_package(Threads REQUIRED)

function(wzrun_target target)
  target_compile_features(${target} PUBLIC cxx_std_23)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wextra-semi -Wimplicit-fallthrough -Wnon-virtual-dtor -Woverloaded-virtual
    -Wno-gnu-statement-expression  # WZRUN_TRY
    -Wno-missing-designated-field-initializers  # the rest is zero, as meant
    $<$<BOOL:${WZRUN_WERROR}>:-Werror>
    -fvisibility=hidden -ffunction-sections -fdata-sections)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")  # SSE4.1 is what round, min and the SIMD handlers compile to
    target_compile_options(${target} PRIVATE -march=x86-64-v2)
  endif()
  target_link_options(${target} PRIVATE -fuse-ld=lld -Wl,--gc-sections)
  if(WZRUN_SANITIZE)
    target_compile_options(${target} PRIVATE
      -fsanitize=${WZRUN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${WZRUN_SANITIZE})
  else()  # a static operator new would stand before the sanitizers' own
    target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()
