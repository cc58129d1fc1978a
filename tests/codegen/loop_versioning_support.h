#pragma once

#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Loops over linear memory as text, as a C++ model of what they mean, and as machine code on a guarded memory.
namespace wzrun::codegen::test {

/// How the inner loop counts; each begins with i = 0 and runs at least once.
enum class Counting : std::uint8_t {
  up_below,       ///< i += 1 while i < n
  up_until,       ///< i += 1 until i = n
  down,           ///< i += 1 until n - i = 0
  three_below,    ///< i += 3 while i < n
  four_until,     ///< i += 4 until i = n & -4
  four_exactly,   ///< i += 4 until i = n, which may never be
  up_below_wide,  ///< i += 1 while i < 2 * n in 64 bits, which may be always
};
inline constexpr unsigned kCountings = 7;

/// At u32(starts[start] + distance + step * i + outer_step * j) + offset.
struct LoopAccess {
  bool store = false;
  bool only_when_odd = false;  ///< i
  unsigned bytes = 4;          ///< 1, 2, 4 or 8
  unsigned start = 0;
  std::int32_t distance = 0;
  std::int32_t step = 0;
  std::int32_t outer_step = 0;
  std::uint32_t offset = 0;
};

/// for j: for i: sum += each load; a store stores the last value loaded in this iteration, plus i.
struct LoopShape {
  Counting counting = Counting::up_below;
  std::vector<LoopAccess> accesses;
};

struct LoopInput {
  std::uint32_t n = 0;
  std::uint32_t outer = 1;  ///< iterations of the outer loop, at least 1
  std::vector<std::uint32_t> starts;
};

/// The sum, or nothing if the loop trapped.
using LoopResult = std::optional<std::uint64_t>;

std::string to_ir(const LoopShape& shape);

/// Runs the loop on `memory`, of which only the first and the last kWindow of its `size` bytes are given. Nothing if
/// the loop accesses what is between or takes too many steps.
inline constexpr std::size_t kWindow = 65536;
std::optional<LoopResult> run_model(const LoopShape& shape, const LoopInput& input, std::vector<std::uint8_t>& memory,
                                    std::uint64_t size);

/// A guarded memory and the parts of an instance that compiled loops know.
class Arena {
 public:
  /// `size`: in bytes, a multiple of kWindow, at most 2^32.
  explicit Arena(std::uint64_t size);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  std::uint64_t size() const { return memory_.size; }
  std::uint8_t* base() const { return memory_.base; }
  const void* instance() const { return &instance_; }
  /// The first and the last kWindow bytes, in one piece if that is all.
  std::vector<std::uint8_t> windows() const;
  void set_windows(const std::vector<std::uint8_t>& bytes);

 private:
  struct Memory {
    std::uint8_t* base;
    std::uint64_t size;
  } memory_{};
  struct Instance {
    std::uint8_t* memory_base;
    const Memory* memory0;
  } instance_{};
};

/// A function pass pipeline in LLVM's notation in which `wzrun-version` is the pass under test.
inline constexpr std::string_view kVersionOnly = "loop-simplify,lcssa,loop(indvars),wzrun-version,verify";
inline constexpr std::string_view kVectorise =
    "sroa,early-cse<memssa>,simplifycfg,instcombine,loop-mssa(loop-rotate,licm),simplifycfg,instcombine,loop-simplify,"
    "lcssa,loop(indvars),gvn,instcombine,loop-simplify,lcssa,wzrun-version,verify,loop-mssa(licm),"
    "loop-vectorize<no-interleave-forced-only;no-vectorize-forced-only;>,instcombine,simplifycfg,slp-vectorizer,"
    "vector-combine,instcombine,loop-unroll,instcombine,loop-mssa(licm),early-cse<memssa>,simplifycfg,verify";

struct ParsedModule {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;

  /// Counted by the blocks' names, which only kVersionOnly leaves alone.
  unsigned versioned_loops() const;
  bool has_vectors() const;
};

/// What wzrun makes of a module at an optimisation level.
ParsedModule optimise(const std::string& ir, unsigned opt_level);

/// Throws if `ir` or what the passes make of it is not valid.
ParsedModule transform(const std::string& ir, std::string_view passes);

/// `i64 @f(ptr instance, i32 n, i32 outer, ptr starts)` as machine code.
class CompiledLoop {
 public:
  CompiledLoop(const std::string& ir, std::string_view passes);

  LoopResult run(const Arena& arena, const LoopInput& input);
  /// How often a fast loop has been entered.
  std::uint64_t fast_entries() const { return *fast_entries_; }

 private:
  std::unique_ptr<llvm::orc::LLJIT> jit_;
  std::uint64_t (*function_)(const void*, std::uint32_t, std::uint32_t, const std::uint32_t*) = nullptr;
  const std::uint64_t* fast_entries_ = nullptr;
};

}  // namespace wzrun::codegen::test
