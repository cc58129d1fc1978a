#include "runtime/target.h"

#include "runtime/cpuid.h"
#include "version.h"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#if defined(__aarch64__)
  #include <sys/auxv.h>
  #include <fstream>
#endif

namespace wzrun::runtime {

namespace {

#if defined(__x86_64__)

/// What the operating system lets programs use: XCR0.
std::uint64_t enabled_state() {
  std::uint32_t low = 0, high = 0;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

/// The words that compilers derive model and features from.
/// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID.
std::vector<std::uint64_t> processor_words() {
  constexpr std::uint32_t kXsaveEnabled = 1U << 27;
  const auto basic = cpuid(1, 0);  // b holds the number of the processor that runs this
  const auto extended = cpuid(7, 0), extended1 = cpuid(7, 1);
  const auto xsave = cpuid(0xd, 1);
  const auto amd = cpuid(0x80000001, 0), amd8 = cpuid(0x80000008, 0);
  return {basic.a,    basic.c,     basic.d,     extended.b,  extended.c,
          extended.d, extended1.a, extended1.b, extended1.c, extended1.d,
          xsave.a,    amd.c,       amd.d,       amd8.b,      (basic.c & kXsaveEnabled) != 0 ? enabled_state() : 0};
}

constexpr std::string_view kArchitecture = "x86-64";

#elif defined(__aarch64__)

/// The features that the kernel offers, and the model of the first processor.
std::vector<std::uint64_t> processor_words() {
  std::uint64_t model = 0;
  std::ifstream("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1") >> std::hex >> model;
  return {getauxval(AT_HWCAP), getauxval(AT_HWCAP2), model};
}

constexpr std::string_view kArchitecture = "arm64";

#endif

}  // namespace

const std::string& processor_text() {
  static const auto text = fmt::format("{} {:x}", kArchitecture, fmt::join(processor_words(), "-"));
  return text;
}

std::string target_text(const RuntimeConfig& config, unsigned opt_level, bool guarded) {
  return fmt::format("wzrun {} {}; LLVM {}; {}; opt {}; {}; {} memory", kVersion, kBuildId, kLlvmVersion,
                     processor_text(), opt_level, config.features().to_string(), guarded ? "guarded" : "checked");
}

}  // namespace wzrun::runtime
