#include <cstdint>
#include <cstddef>
#include "wzrun/triv.h"
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* d, std::size_t n){ return n&&d[0]==255&&wzrun::f()==7; }
