#pragma once

#include "wasi/functions.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// A module that calls any function of WASI: it exports its memory as `memory`, and for each function a caller of the
/// same signature.
namespace wzrun::fuzz {

inline constexpr std::uint32_t kMemoryPages = 4;

struct WasiFunction {
  std::string_view module;
  std::string_view name;
  std::vector<bool> wide;  ///< of each parameter: i64, else i32
  bool returns;
};

template <auto kFunction>
struct SignatureOf;
template <typename R, typename... A, R (*kFunction)(wasi::Call&, A...)>
struct SignatureOf<kFunction> {
  static WasiFunction describe(std::string_view module, std::string_view name) {
    constexpr std::string_view kPrefix = "preview0_";
    if (name.starts_with(kPrefix))
      name.remove_prefix(kPrefix.size());
    return {module, name, {(sizeof(A) == sizeof(std::uint64_t))...}, !std::is_same_v<R, Result<void>>};
  }
};

inline const std::vector<WasiFunction>& wasi_functions() {
  static const std::vector<WasiFunction> functions = {
#define WZRUN_WASI_FUNCTION(name, name0, ...)                          \
  SignatureOf<&wasi::name>::describe("wasi_snapshot_preview1", #name), \
      SignatureOf<&wasi::name0>::describe("wasi_unstable", #name0),
#include "wasi/functions.def"
  };
  return functions;
}

/// What the caller of function `index` of wasi_functions() is exported as.
inline std::string export_name(std::size_t index) { return "f" + std::to_string(index); }

class CallsModule {
 public:
  std::vector<std::uint8_t> encode() {
    const auto& functions = wasi_functions();
    const auto count = static_cast<std::uint32_t>(functions.size());
    bytes_ = {0, 'a', 's', 'm', 1, 0, 0, 0};
    section(1, [&] {
      u32(count);
      for (const auto& function : functions)
        type(function);
    });
    section(2, [&] {
      u32(count);
      for (std::uint32_t i = 0; i < count; ++i) {
        name(functions[i].module);
        name(functions[i].name);
        byte(0);
        u32(i);
      }
    });
    section(3, [&] {
      u32(count);
      for (std::uint32_t i = 0; i < count; ++i)
        u32(i);
    });
    section(5, [&] {
      u32(1);
      byte(0);
      u32(kMemoryPages);
    });
    section(7, [&] {
      u32(count + 1);
      name("memory");
      byte(2);
      u32(0);
      for (std::uint32_t i = 0; i < count; ++i) {
        name(export_name(i));
        byte(0);
        u32(count + i);
      }
    });
    section(10, [&] {
      u32(count);
      for (std::uint32_t i = 0; i < count; ++i)
        sized([&] { body(i, functions[i]); });
    });
    return std::move(bytes_);
  }

 private:
  void byte(std::uint8_t value) { bytes_.push_back(value); }
  void u32(std::uint32_t value) {
    for (; value >= 0x80; value >>= 7)
      byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
  }
  void name(std::string_view text) {
    u32(static_cast<std::uint32_t>(text.size()));
    bytes_.insert(bytes_.end(), text.begin(), text.end());
  }
  template <typename Write>
  void sized(Write&& write) {
    auto before = std::exchange(bytes_, {});
    write();
    const auto content = std::exchange(bytes_, std::move(before));
    u32(static_cast<std::uint32_t>(content.size()));
    bytes_.insert(bytes_.end(), content.begin(), content.end());
  }
  template <typename Write>
  void section(std::uint8_t id, Write&& write) {
    byte(id);
    sized(write);
  }
  void type(const WasiFunction& function) {
    constexpr std::uint8_t kFunctionType = 0x60;
    constexpr std::uint8_t kI32 = 0x7f;
    constexpr std::uint8_t kI64 = 0x7e;
    byte(kFunctionType);
    u32(static_cast<std::uint32_t>(function.wide.size()));
    for (const bool wide : function.wide)
      byte(wide ? kI64 : kI32);
    u32(function.returns ? 1 : 0);
    if (function.returns)
      byte(kI32);
  }
  void body(std::uint32_t index, const WasiFunction& function) {
    constexpr std::uint8_t kLocalGet = 0x20;
    constexpr std::uint8_t kCall = 0x10;
    constexpr std::uint8_t kEnd = 0x0b;
    u32(0);
    for (std::uint32_t i = 0; i < function.wide.size(); ++i) {
      byte(kLocalGet);
      u32(i);
    }
    byte(kCall);
    u32(index);
    byte(kEnd);
  }

  std::vector<std::uint8_t> bytes_;
};

}  // namespace wzrun::fuzz
