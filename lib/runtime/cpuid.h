#pragma once

#if defined(__x86_64__)

  #include <cpuid.h>
  #include <cstdint>
  #if __has_include(<sys/platform/x86.h>)
    // The header is written for C.
    #define _Bool bool  // NOLINT(bugprone-reserved-identifier,readability-identifier-naming)
    #include <sys/platform/x86.h>
    #undef _Bool
    #define WZRUN_LIBRARY_KNOWS_CPUID 1
  #endif

namespace wzrun::runtime {

struct CpuidLeaf {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
};

/// What the processor says of itself; zeros if it does not know the leaf. What the C library has asked for at its start
/// is taken from there: in a virtual machine each question takes about 10 us.
inline CpuidLeaf cpuid(std::uint32_t number, std::uint32_t sub) {
  #if defined(WZRUN_LIBRARY_KNOWS_CPUID)
  const auto known = [&] -> int {
    switch (std::uint64_t{number} << 32 | sub) {
      case 0x1'0000'0000:
        return CPUID_INDEX_1;
      case 0x7'0000'0000:
        return CPUID_INDEX_7;
      case 0x7'0000'0001:
        return CPUID_INDEX_7_ECX_1;
      case 0xd'0000'0001:
        return CPUID_INDEX_D_ECX_1;
      case 0x8000'0001'0000'0000:
        return CPUID_INDEX_80000001;
      case 0x8000'0008'0000'0000:
        return CPUID_INDEX_80000008;
      default:
        return -1;
    }
  }();
  if (known >= 0) {
    const auto& words = __x86_get_cpuid_feature_leaf(static_cast<unsigned>(known))->cpuid_array;
    return {words[0], words[1], words[2], words[3]};
  }
  #endif
  CpuidLeaf leaf;
  __get_cpuid_count(number, sub, &leaf.a, &leaf.b, &leaf.c, &leaf.d);
  return leaf;
}

}  // namespace wzrun::runtime

#endif
