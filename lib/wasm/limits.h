#pragma once

#include <cstddef>
#include <cstdint>

/// Where this implementation stops. A module past one of these is `unsupported`, not invalid.
/// They bound the memory and time that a small hostile module can cost; none is near what compilers emit.
namespace wzrun::wasm::limits {

inline constexpr std::uint64_t kModuleBytes = 0xffffffff;  ///< offsets and sizes have 32 bits
inline constexpr std::uint32_t kTypes = 1'000'000;
inline constexpr std::uint32_t kFunctions = 1'000'000;  ///< imported ones included
inline constexpr std::uint32_t kImports = 1'000'000;
inline constexpr std::uint32_t kExports = 1'000'000;
inline constexpr std::uint32_t kTables = 100'000;
inline constexpr std::uint32_t kMemories = 100'000;
inline constexpr std::uint32_t kGlobals = 1'000'000;
inline constexpr std::uint32_t kTags = 1'000'000;
inline constexpr std::uint32_t kSegments = 10'000'000;     ///< of elements, or of data
inline constexpr std::uint32_t kParams = 1'000;            ///< of a function type
inline constexpr std::uint32_t kResults = 1'000;           ///< of a function type
inline constexpr std::uint32_t kFields = 10'000;           ///< of a structure type
inline constexpr std::uint32_t kSubtypingDepth = 63;       ///< supertypes above a type
inline constexpr std::uint32_t kArrayNewFixed = 10'000;    ///< operands of array.new_fixed
inline constexpr std::uint32_t kLocals = 50'000;           ///< of a function, parameters included
inline constexpr std::uint32_t kControlDepth = 1'000'000;  ///< nested blocks
inline constexpr std::uint32_t kOperands = 2'000'000;      ///< on the operand stack of one function
inline constexpr std::size_t kNameInMessage = 120;         ///< bytes of a name that an error line shows

}  // namespace wzrun::wasm::limits
