#pragma once

#include "runtime/execution.h"
#include "runtime/instance.h"
#include "wasm/module.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

/// The interpreter's internal code.
///
/// A function becomes a string of instructions over the slots of its frame: an 8-byte handler address, then 4-byte
/// operands (slot numbers relative to the frame pointer, immediates, branch distances). A handler does its work and
/// tail-calls the next, all state in registers. Besides slots there are two accumulators, one for integers and
/// references, one for floats and vectors: the result of an instruction stays in one when the next instruction
/// consumes it, which spares a store, a load and their latency. Every handler that writes a slot leaves the value
/// in the accumulator too.
///
/// A frame, upwards:  arguments (later results) | link | other locals | operands
///                                              ^ kLinkSlots   ^ fp
/// The caller lays the arguments out at the top of its own operands, so a call copies nothing.
namespace wzrun::interp {

using Slot = std::uint64_t;
using Vector = float __attribute__((vector_size(16)));

#define WZRUN_STATE                                                                                     \
  const std::uint8_t *pc, ::wzrun::interp::Slot *fp, ::wzrun::runtime::Instance *in, std::uint8_t *mem, \
      ::wzrun::runtime::Execution *ex, std::uint64_t acc, ::wzrun::interp::Vector vacc
#define WZRUN_STATE_VALUES pc, fp, in, mem, ex, acc, vacc

typedef void (*Handler)(WZRUN_STATE) __attribute__((preserve_none));  // an alias declaration cannot carry the attribute

/// The link of a frame, by slot relative to fp.
enum Link : std::int32_t {
  kLinkCode = -1,         ///< Code* of the running function
  kLinkReturn = -2,       ///< where the caller goes on
  kLinkCaller = -3,       ///< the caller's fp
  kLinkInstance = -4,     ///< across instances: the caller's instance
  kLinkCrossReturn = -5,  ///< across instances: where the caller goes on
};
inline constexpr std::int32_t kLinkSlots = 5;

struct ModuleCode;

/// An offset in internal code and the module offset of the instruction that begins there.
struct Position {
  std::uint32_t code = 0;
  std::uint32_t module = 0;
};

/// Counts events down from what was granted. Without the cost of an atomic read-modify-write: now and then an event is
/// lost between threads.
class Countdown {
 public:
  /// Counts one. True if nothing is left: then grant() has to follow.
  [[gnu::always_inline]] bool spend() {
    const auto left = left_.load(std::memory_order_relaxed) - 1;
    left_.store(left, std::memory_order_relaxed);
    return left == 0;
  }
  /// Requires a number above 0.
  void grant(std::uint32_t events) {
    granted_.fetch_add(events, std::memory_order_relaxed);
    left_.store(events, std::memory_order_relaxed);
  }
  std::uint64_t counted() const {
    return granted_.load(std::memory_order_relaxed) - left_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> left_{0};
  std::atomic<std::uint64_t> granted_{0};
};

/// One function. `entry` leads to the translator until the first call.
struct Code : runtime::FunctionCode {
  std::atomic<const std::uint8_t*> entry{nullptr};
  Countdown calls;       ///< times entered
  Countdown back_edges;  ///< backward branches taken
  ModuleCode* module = nullptr;
  std::uint32_t index = 0;        ///< in the module's function index space
  std::uint32_t size = 0;         ///< of bytes
  std::uint32_t frame_slots = 0;  ///< above fp
  std::uint32_t window = 0;       ///< window_slots()
  std::unique_ptr<std::uint8_t[]> bytes;
  std::vector<Position> positions;   ///< ascending
  std::vector<std::uint32_t> loops;  ///< where they begin in `bytes`, ascending
};

/// Slots of arguments and results at the bottom of a frame.
inline std::uint32_t window_slots(const wasm::FunctionType& type) {
  const auto params = runtime::slot_count(type.params);
  const auto results = runtime::slot_count(type.results);
  return static_cast<std::uint32_t>(params > results ? params : results);
}

/// The functions of a module for one kind of memory 0: guarded or checked.
struct ModuleCode {
  ModuleCode(runtime::CompiledCode& compiled, bool memory_is_guarded);
  ~ModuleCode();
  ModuleCode(const ModuleCode&) = delete;
  ModuleCode& operator=(const ModuleCode&) = delete;

  /// Requires the index of a defined function.
  Code* function(std::uint32_t function_index);
  /// The function if it was asked for, or null.
  const Code* find(std::uint32_t function_index);
  void note_translated(std::uint32_t function_index);
  /// Of all functions that were translated, which are few of those that were asked for.
  template <typename F>
  void for_each_translated(F body) const {
    for (const auto index : translated()) {
      const Code& code = functions_[index];
      body(code);
    }
  }
  /// Calls of the function go to compiled code from now on.
  void use_compiled(std::uint32_t function_index);
  /// How many events of a function to count before somebody is told.
  std::uint32_t patience() const;
  /// Whether the address is that of one of the functions.
  bool owns(const Code* code) const;

  runtime::CompiledCode& compiled;
  const bool guarded;
  std::mutex translating;

 private:
  std::vector<std::uint32_t> translated() const {
    const std::scoped_lock lock(creating_);
    return translated_;
  }

  mutable std::mutex creating_;
  Code* functions_ = nullptr;              ///< zero until asked for
  std::vector<std::uint32_t> asked_for_;   ///< numbers among the defined functions
  std::vector<std::uint32_t> translated_;  ///< the same
  std::size_t mapped_bytes_ = 0;
};

/// A function's count of calls has run out: tells, and counts on.
void note_hot_function(Code& code);
/// A function's count of backward branches has run out at a loop: tells, and counts on. Yields the code to go on with,
/// if there is some by now.
runtime::LoopEntry note_hot_loop(const runtime::Instance& instance, Code& code, const std::uint8_t* loop);
/// The function for which there is compiled code, or null if this instance cannot run that.
runtime::FunctionInstance* compiled_function(runtime::Instance& instance, const Code& code);

/// Translates a function whose entry still leads to the translator.
void translate(Code& code);

}  // namespace wzrun::interp
