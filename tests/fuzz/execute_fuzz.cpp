// Makes a program of the input, runs it in a plain evaluator and then on the interpreter, with guarded and with checked
// memory, and compares. tests/fuzz/differential does the same with compiled code.
#include "tests/fuzz/program/compare.h"
#include "tests/fuzz/program/encode.h"
#include "tests/fuzz/program/generate.h"

#include <cstddef>
#include <cstdint>

using namespace wzrun::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096)
    size = 4096;
  const auto program = Generator({data, size}).generate();
  const auto module = Encoder(program).encode();
  Comparison comparison(program, module);
  if (!comparison.is_comparable())
    return 0;
  comparison.run({.checked = false, .prepare = {}});
  comparison.run({.checked = true, .prepare = {}});
  return 0;
}
