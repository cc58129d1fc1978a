#include "runtime/native_code.h"

#include "runtime/backtrace.h"
#include "runtime/call.h"
#include "runtime/fault.h"
#include "runtime/operations.h"
#include "runtime/state.h"
#include "runtime/tiering.h"
#include "runtime/trampoline.h"

#include <array>
#include <cstring>
#include <utility>

namespace wzrun::runtime {

namespace {

constinit AddressTable<const AttachedImage> images;

using Word = std::uint64_t;

std::uint32_t narrow(Word index) { return static_cast<std::uint32_t>(index); }

// Helpers run on the thread's own stack, called from compiled code; before they go back there they see whether the
// run must end, because a signal that comes while they work does nothing.

void look_for_interruption() {
  Execution& execution = *Execution::current();
  if (execution.interrupted.load(std::memory_order_acquire)) [[unlikely]]
    leave(execution, Ending::interrupted);
}

void finish(Trapped trap) {
  if (trap) [[unlikely]]
    leave(*Execution::current(), *trap);
  look_for_interruption();
}

WZRUN_ABANDONED void helper_call_function(Instance* caller, FunctionInstance* function, Word* slots) {
  Execution& execution = *Execution::current();
  if (function->instance == nullptr) [[unlikely]]  // one of the caller's own that nobody has asked for
    function = caller->function(caller->module().imported_functions +
                                static_cast<std::uint32_t>(function - caller->own_functions));
  if (function->host == nullptr)
    enter(execution, *function, slots);
  else if (!call_host(execution, *caller, *function, slots)) [[unlikely]]
    leave(execution);
  look_for_interruption();
}

FunctionInstance* helper_ref_func(Instance* in, Word index) { return in->function(narrow(index)); }

Word helper_has_type(FunctionInstance* function, Word type_id) { return has_type(*function, narrow(type_id)) ? 1 : 0; }

Word helper_memory_grow(Instance* in, Word memory, Word delta) { return memory_grow(*in, narrow(memory), delta); }

WZRUN_ABANDONED void helper_memory_fill(Instance* in, Word memory, Word to, Word value, Word count) {
  finish(memory_fill(*in, narrow(memory), to, value, count));
}

WZRUN_ABANDONED void helper_memory_copy(Instance* in, Word to_memory, Word from_memory, Word to, Word from,
                                        Word count) {
  finish(memory_copy(*in, narrow(to_memory), narrow(from_memory), to, from, count));
}

WZRUN_ABANDONED void helper_memory_init(Instance* in, Word memory, Word segment, Word to, Word from, Word count) {
  finish(memory_init(*in, narrow(memory), narrow(segment), to, from, count));
}

void helper_data_drop(Instance* in, Word segment) { data_drop(*in, narrow(segment)); }

Word helper_table_grow(Instance* in, Word table, Word value, Word delta) {
  return table_grow(*in, narrow(table), value, delta);
}

WZRUN_ABANDONED void helper_table_fill(Instance* in, Word table, Word index, Word value, Word count) {
  finish(table_fill(*in, narrow(table), index, value, count));
}

WZRUN_ABANDONED void helper_table_copy(Instance* in, Word to_table, Word from_table, Word to, Word from, Word count) {
  finish(table_copy(*in, narrow(to_table), narrow(from_table), to, from, count));
}

WZRUN_ABANDONED void helper_table_init(Instance* in, Word table, Word segment, Word to, Word from, Word count) {
  finish(table_init(*in, narrow(table), narrow(segment), to, from, count));
}

WZRUN_ABANDONED Word helper_is_hot(Instance* in, Word function, Word loop) {
  Word entry = 0;
  if (auto* const tiering = in->code->tiering.get(); tiering != nullptr)
    entry = reinterpret_cast<Word>(tiering->code_is_hot(narrow(function), narrow(loop)));
  if (loop == kNoLoop)  // called directly, it may not have had a FunctionInstance, which tells it of better code
    in->adopt_compiled(*in->function(narrow(function)));
  look_for_interruption();
  return entry;
}

void helper_elem_drop(Instance* in, Word segment) { elem_drop(*in, narrow(segment)); }

template <NativeHelper>
inline constexpr auto kHelper = nullptr;
#define WZRUN_HELPER(name) \
  template <>              \
  inline constexpr auto kHelper<NativeHelper::name> = helper_##name
WZRUN_HELPER(call_function);
WZRUN_HELPER(ref_func);
WZRUN_HELPER(has_type);
WZRUN_HELPER(memory_grow);
WZRUN_HELPER(memory_fill);
WZRUN_HELPER(memory_copy);
WZRUN_HELPER(memory_init);
WZRUN_HELPER(data_drop);
WZRUN_HELPER(table_grow);
WZRUN_HELPER(table_fill);
WZRUN_HELPER(table_copy);
WZRUN_HELPER(table_init);
WZRUN_HELPER(elem_drop);
WZRUN_HELPER(is_hot);
#undef WZRUN_HELPER

using Trampoline = void (*)();

template <std::size_t... number>
constexpr std::array<Trampoline, kNativeHelpers> trampolines(std::index_sequence<number...> /*numbers*/) {
  return {helper_trampoline<kHelper<static_cast<NativeHelper>(number)>>...};
}

constinit const std::array<Trampoline, kNativeHelpers> helper_trampolines =
    trampolines(std::make_index_sequence<kNativeHelpers>());

}  // namespace

const void* const* native_helpers() { return reinterpret_cast<const void* const*>(helper_trampolines.data()); }

AddressTable<const AttachedImage>& attached_images() { return images; }

namespace {

/// Calls `thunk` with the other arguments on the native stack.
WZRUN_ABANDONED void enter_compiled(Execution& execution, EntryThunk thunk, const void* target, Instance* instance,
                                    std::uint64_t* slots) {
  have_signal_stack();
  auto* const activation = activate(execution, EngineKind::native);
  if (activation == nullptr) [[unlikely]]
    leave(execution, TrapKind::call_stack_exhausted);
  auto* const top = activation->sp != nullptr ? activation->sp : execution.native_end;
  if (top - execution.native_begin < std::ptrdiff_t{kEnterNativeBytes}) [[unlikely]] {
    deactivate(execution);
    leave(execution, TrapKind::call_stack_exhausted);
  }
  activation->sp = top - reinterpret_cast<std::uintptr_t>(top) % 16;
  wzrun_enter_native(thunk, target, instance, slots, activation);
  deactivate(execution);
}

}  // namespace

WZRUN_ABANDONED void enter_native(Execution& execution, FunctionInstance& function, std::uint64_t* slots) {
  const auto* const native = function.native_now();  // before its entry
  enter_compiled(execution, function.entry_now(), native, function.instance, slots);
}

WZRUN_ABANDONED void enter_native_loop(Execution& execution, LoopEntry entry, Instance& instance,
                                       const std::uint64_t* frame, std::uint64_t* window) {
  enter_compiled(execution, reinterpret_cast<EntryThunk>(entry), frame, &instance, window);
}

namespace {

struct FrameRecord {
  const FrameRecord* outer;
  const std::uint8_t* return_address;
};

/// Whether the frame record of a function that stopped at `pc` is not made yet, or no longer there.
bool lacks_frame(const std::uint8_t* pc, const std::uint8_t* begin) {
#if defined(__x86_64__)
  constexpr std::uint8_t kReturn = 0xc3, kPopFrame = 0x5d, kJump = 0xff;
  return pc == begin || *pc == kReturn || (pc[-1] == kPopFrame && *pc == kJump);
#elif defined(__aarch64__)
  constexpr std::uint32_t kReturn = 0xd65f03c0;
  constexpr std::ptrdiff_t kLongestPrologue = 64;
  const auto instruction = [](const std::uint8_t* at) {
    std::uint32_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  if (instruction(pc) == kReturn)
    return true;
  if (pc - begin > kLongestPrologue)
    return false;
  for (; begin < pc; begin += sizeof(std::uint32_t))
    if ((instruction(begin) & 0xffc003ff) == 0x910003fd)  // add x29, sp, #...
      return false;
  return true;
#endif
}

/// The frames of compiled code from the innermost of an activation to the thunk that was entered.
class NativeWalk {
 public:
  NativeWalk(const Execution& execution, const Activation& activation)
      : execution_(execution),
        pc_(activation.pc),
        record_(static_cast<const FrameRecord*>(activation.fp)),
        lowest_(activation.sp) {
    if (!activation.faulted) {
      find(pc_ - 1);
      return;
    }
    find(pc_);
    if (range_ == nullptr)
      return;
    const auto* const begin = attached_->image->code().data() + range_->begin;
    if (lacks_frame(pc_, begin)) {
      frameless_ = true;
      return_address_ = return_address(activation, 0);
    }
#if defined(__x86_64__)
    constexpr std::ptrdiff_t kPushBytes = 1;
    if (pc_ == begin + kPushBytes) {  // between `push rbp` and `mov rbp, rsp`
      frameless_ = true;
      return_address_ = return_address(activation, sizeof(void*));
    }
#endif
  }

  bool done() const { return range_ == nullptr; }
  bool is_thunk() const { return range_->function == kNoCode; }
  CodePosition position() const {
    return {.code = attached_->code,
            .function_index = range_->function,
            .offset = offset_,
            .image = attached_->image.get(),
            .range = range_};
  }
  void next() {
    if (std::exchange(frameless_, false)) {
      pc_ = return_address_;
    } else {
      const auto* const at = reinterpret_cast<const std::uint8_t*>(record_);
      const bool inside = at >= lowest_ && at + sizeof(FrameRecord) <= execution_.native_end &&
                          reinterpret_cast<std::uintptr_t>(at) % alignof(FrameRecord) == 0;
      if (!inside) {
        range_ = nullptr;
        return;
      }
      pc_ = record_->return_address;
      lowest_ = at + sizeof(FrameRecord);
      record_ = record_->outer;
    }
    find(pc_ - 1);  // inside the call, not behind it
  }

 private:
  const std::uint8_t* return_address([[maybe_unused]] const Activation& activation,
                                     [[maybe_unused]] std::size_t above) const {
#if defined(__x86_64__)
    const auto* const at = activation.sp + above;
    if (!execution_.is_native_stack(at))
      return nullptr;
    const std::uint8_t* address = nullptr;
    std::memcpy(&address, at, sizeof address);
    return address;
#elif defined(__aarch64__)
    return static_cast<const std::uint8_t*>(activation.link);
#endif
  }

  void find(const std::uint8_t* address) {
    const auto* const code = attached_ != nullptr ? attached_->image->code().data() : nullptr;
    if (range_ != nullptr && address >= code + range_->begin && address < code + range_->end) {
      offset_ = static_cast<std::uint64_t>(address - code);
      return;
    }
    range_ = nullptr;
    attached_ = images.find(address);
    if (attached_ == nullptr)
      return;
    offset_ = static_cast<std::uint64_t>(address - attached_->image->code().data());
    range_ = attached_->image->range_at(offset_);
  }

  const Execution& execution_;
  const std::uint8_t* pc_;
  const FrameRecord* record_;
  const std::uint8_t* lowest_;  ///< frame records lie above it, ever higher
  const AttachedImage* attached_ = nullptr;
  const ImageRange* range_ = nullptr;
  std::uint64_t offset_ = 0;
  bool frameless_ = false;
  const std::uint8_t* return_address_ = nullptr;
};

}  // namespace

void add_native_frames(const Execution& execution, const Activation& activation, BacktraceBuilder& builder) {
  for (NativeWalk walk(execution, activation); !walk.done(); walk.next())
    if (!walk.is_thunk())
      builder.add(walk.position());
}

}  // namespace wzrun::runtime
