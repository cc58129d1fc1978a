#pragma once

#include "interp/code.h"
#include "interp/handlers.h"
#include "wasm/function_reader.h"
#include "wasm/opcodes.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace wzrun::interp {

/// What the emitter knows of a value on the operand stack. Every entry has a slot of its own, which it occupies only
/// once something made it necessary: constants and locals stay where they are until they are consumed.
struct Operand {
  enum class Kind : std::uint8_t { none, stack, local, i32, i64, f32, f64 };
  Kind kind = Kind::none;
  std::int32_t slot = 0;    ///< its own
  std::uint64_t value = 0;  ///< index of the local, or bits of the constant

  bool is_constant() const { return kind >= Kind::i32; }
};

/// Slots that a value takes.
constexpr std::int32_t width(ValueType type) { return type.is_vector() ? 2 : 1; }
/// A slot number as it stands in an instruction.
constexpr std::uint32_t u(std::int32_t slot) { return static_cast<std::uint32_t>(slot); }

/// What the emitter keeps of a block.
struct Label {
  std::int32_t base = 0;       ///< own slot of the first parameter or result
  std::uint32_t start = 0;     ///< of a loop: where its body begins
  std::int32_t branches = -1;  ///< forward branches to the end: head of a chain in patches_
  std::int32_t skip = -1;      ///< of an if: the branch taken when the condition does not hold
};

/// Answers for instructions that the interpreter cannot execute: they trap when they are reached.
template <typename Derived>
class UnsupportedInstructions {
 public:
#define WZRUN_SPECIAL(code, id, text, feature)                         \
  template <typename... T>                                             \
  Operand id(T&&...) {                                                 \
    return static_cast<Derived*>(this)->unsupported(wasm::Opcode::id); \
  }
#include "wasm/opcodes.def"
  template <wasm::Opcode opcode, typename... T>
  Operand atomic_load(T&&...) {
    return static_cast<Derived*>(this)->unsupported(opcode);
  }
  template <wasm::Opcode opcode, typename... T>
  void atomic_store(T&&...) {
    static_cast<Derived*>(this)->unsupported(opcode);
  }
  template <wasm::Opcode opcode, typename... T>
  Operand atomic_rmw(T&&...) {
    return static_cast<Derived*>(this)->unsupported(opcode);
  }
  template <wasm::Opcode opcode, typename... T>
  Operand atomic_cmpxchg(T&&...) {
    return static_cast<Derived*>(this)->unsupported(opcode);
  }
  template <wasm::Opcode opcode, typename... T>
  Operand atomic_wait(T&&...) {
    return static_cast<Derived*>(this)->unsupported(opcode);
  }
  template <typename... T>
  Operand atomic_notify(T&&...) {
    return static_cast<Derived*>(this)->unsupported(wasm::Opcode::memory_atomic_notify);
  }

 private:
  friend Derived;
  UnsupportedInstructions() = default;
};

/// The sink of FunctionReader that writes internal code, one pass, no graph.
///
/// The last instruction with a result is held back ("pending") until it is known who consumes it: the next
/// instruction (then the result stays in the accumulator), a local (then it goes there), or nobody yet (then it goes
/// to its own slot).
class Emitter : public UnsupportedInstructions<Emitter> {
 public:
  using Operand = interp::Operand;
  using Label = interp::Label;
  using Stack = wasm::OperandStack<Operand>;
  using Frame = wasm::ControlFrame<Label>;
  static constexpr bool kListens = true;

  explicit Emitter(Code& code);
  /// Moves the finished code into its function.
  void finish();

  void begin(const wasm::Module& module, std::uint32_t function_index, std::span<const ValueType> locals, Stack& stack,
             Frame& frame);
  void at(std::uint64_t offset) { offset_ = static_cast<std::uint32_t>(offset); }

  template <wasm::Opcode opcode, typename... T>
  Operand numeric(T... operands) {
    return numeric(opcode, {operands...});
  }
  template <wasm::Opcode opcode, typename... T>
  Operand lane(std::uint8_t lane, T... operands) {
    return lane_operation(opcode, lane, {operands...});
  }
  Operand shuffle(const std::array<std::uint8_t, 16>& lanes, Operand a, Operand b);
  Operand i32_const(std::uint32_t value) { return constant(Operand::Kind::i32, value); }
  Operand i64_const(std::uint64_t value) { return constant(Operand::Kind::i64, value); }
  Operand f32_const(std::uint32_t bits) { return constant(Operand::Kind::f32, bits); }
  Operand f64_const(std::uint64_t bits) { return constant(Operand::Kind::f64, bits); }
  Operand v128_const(const std::array<std::uint8_t, 16>& bytes);
  template <wasm::Opcode opcode>
  Operand load(const wasm::MemoryArgument& memory, Operand address) {
    return load(opcode, memory, address);
  }
  template <wasm::Opcode opcode>
  void store(const wasm::MemoryArgument& memory, Operand address, Operand value) {
    store(opcode, memory, address, value);
  }
  template <wasm::Opcode opcode>
  Operand load_lane(const wasm::MemoryArgument& memory, std::uint8_t lane, Operand address, Operand vector) {
    return load_lane(opcode, memory, lane, address, vector);
  }
  template <wasm::Opcode opcode>
  void store_lane(const wasm::MemoryArgument& memory, std::uint8_t lane, Operand address, Operand vector) {
    store_lane(opcode, memory, lane, address, vector);
  }

  Operand local_get(std::uint32_t index);
  void local_set(std::uint32_t index, Operand value);
  Operand local_tee(std::uint32_t index, Operand value);
  Operand global_get(std::uint32_t index);
  void global_set(std::uint32_t index, Operand value);

  Operand table_get(std::uint32_t table, Operand index);
  void table_set(std::uint32_t table, Operand index, Operand value);
  Operand table_size(std::uint32_t table);
  Operand table_grow(std::uint32_t table, Operand value, Operand delta);
  void table_fill(std::uint32_t table, Operand index, Operand value, Operand count);
  void table_copy(std::uint32_t to, std::uint32_t from, Operand destination, Operand source, Operand count);
  void table_init(std::uint32_t table, std::uint32_t segment, Operand destination, Operand source, Operand count);
  void elem_drop(std::uint32_t segment);
  Operand memory_size(std::uint32_t memory);
  Operand memory_grow(std::uint32_t memory, Operand delta);
  void memory_fill(std::uint32_t memory, Operand destination, Operand value, Operand count);
  void memory_copy(std::uint32_t to, std::uint32_t from, Operand destination, Operand source, Operand count);
  void memory_init(std::uint32_t memory, std::uint32_t segment, Operand destination, Operand source, Operand count);
  void data_drop(std::uint32_t segment);

  Operand ref_null(HeapType) { return constant(Operand::Kind::i64, 0); }
  Operand ref_is_null(Operand reference);
  Operand ref_func(std::uint32_t index);
  Operand ref_eq(Operand a, Operand b);
  Operand ref_as_non_null(Operand reference);

  void nop() {}
  void drop(ValueType type, Operand operand);
  Operand select(ValueType type, Operand a, Operand b, Operand condition);
  void unreachable();

  void block(Frame& frame);
  void loop(Frame& frame);
  void if_(Frame& frame, Operand condition);
  void else_(Frame& frame, bool fallthrough_live);
  void end(Frame& frame, bool fallthrough_live);
  Operand param(Frame&, std::size_t) { return on_stack(next_slot()); }
  Operand result(Frame&, std::size_t) { return on_stack(next_slot()); }

  void br(Frame& target);
  void br_if(Frame& target, Operand condition);
  void br_table(std::span<Frame* const> targets, Operand index);
  Operand br_on_null(Frame& target, Operand reference);
  void br_on_non_null(Frame& target, Operand reference);
  void return_();

  void call(std::uint32_t function_index, const wasm::FunctionType& type);
  void call_indirect(std::uint32_t table, std::uint32_t type_index, Operand index);
  void call_ref(std::uint32_t type_index, Operand reference);
  Operand call_result(std::size_t) { return on_stack(next_slot()); }
  void return_call(std::uint32_t function_index, const wasm::FunctionType& type);
  void return_call_indirect(std::uint32_t table, std::uint32_t type_index, Operand index);
  void return_call_ref(std::uint32_t type_index, Operand reference);

  Operand unsupported(wasm::Opcode opcode);

 private:
  static constexpr std::int32_t kNoSlot = INT32_MIN;

  /// An instruction's bytes behind the handler, without the destination.
  struct Fields {
    std::array<std::uint8_t, 40> bytes;
    std::uint8_t size = 0;
    void put32(std::uint32_t value);
    void put64(std::uint64_t value);
  };

  /// Where a handler can take an operand from: at most two ways.
  struct Source {
    From first = From::slot;
    From second = From::slot;  ///< the same, or slot where the first is the accumulator
    std::int32_t slot = 0;
    std::uint64_t immediate = 0;
    bool wide_immediate = false;
    bool is_pending = false;
  };

  struct Pending {
    bool valid = false;
    Handler to_accumulator = nullptr;
    Handler to_slot = nullptr;
    Carrier carrier{};
    std::int32_t destination = 0;
    std::uint32_t offset = 0;
    Fields fields;
    bool can_be_dropped = false;
    // Of a comparison: what a branch on it needs.
    bool comparison = false;
    wasm::Opcode opcode{};
    From a{}, b{};
  };

  struct Patch {
    std::uint32_t instruction = 0;  ///< offset of the instruction the distance counts from
    std::uint32_t field = 0;        ///< offset of the distance
    std::int32_t next = -1;
  };

  // Operands.
  Operand numeric(wasm::Opcode opcode, std::initializer_list<Operand> operands);
  Operand unary(wasm::Opcode opcode, Operand a);
  Operand binary(wasm::Opcode opcode, Operand a, Operand b);
  Operand lane_operation(wasm::Opcode opcode, std::uint8_t lane, std::initializer_list<Operand> operands);
  Operand load(wasm::Opcode opcode, const wasm::MemoryArgument& memory, Operand address);
  void store(wasm::Opcode opcode, const wasm::MemoryArgument& memory, Operand address, Operand value);
  Operand load_lane(wasm::Opcode opcode, const wasm::MemoryArgument& memory, std::uint8_t lane, Operand address,
                    Operand vector);
  void store_lane(wasm::Opcode opcode, const wasm::MemoryArgument& memory, std::uint8_t lane, Operand address,
                  Operand vector);
  Operand constant(Operand::Kind kind, std::uint64_t bits);
  Operand on_stack(std::int32_t slot);
  std::int32_t next_slot() const;
  bool is_pending(const Operand& operand) const;
  bool is_mirrored(std::int32_t slot, Carrier carrier) const;
  std::int32_t home(const Operand& operand) const;
  Source source(const Operand& operand, Carrier carrier) const;
  void put(Fields& fields, const Source& source, From from) const;
  /// Makes sure that a constant which no immediate can hold is in its slot.
  Operand fit(Operand operand, bool immediates);
  void take(const Source& source, From from);
  static void keep_apart(Source& a, Source& b);
  std::int32_t slot_of(Operand& operand);

  // Emission.
  void settle();  ///< emits the pending instruction, result to its slot
  void settle(To to);
  void settle_unless(const Operand& operand);
  /// Appends an instruction, or joins it to the one before. Returns where the instruction begins.
  std::uint32_t emit(Handler handler, const Fields& fields);
  std::uint32_t emit(Handler handler, std::initializer_list<std::uint32_t> operands);
  Operand hold(Handler to_accumulator, Handler to_slot, const Fields& fields, Carrier carrier);
  void note_position(std::uint32_t offset);
  void move_position(std::uint32_t instruction, std::uint32_t offset);
  std::uint32_t own_global_offset(std::uint32_t index) const;
  /// A branch may lead to the end of the code: what comes next can rely on nothing before it.
  void join() {
    integer_mirror_ = vector_mirror_ = kNoSlot;
    last_copy_ = last_ = UINT32_MAX;
  }
  void forget_accumulators() { integer_mirror_ = vector_mirror_ = kNoSlot; }
  void wrote(std::int32_t slot, Carrier carrier);
  void overwrote(std::int32_t slot);
  void emit_constant(const Operand& operand, std::int32_t destination);
  void move(const Operand& operand, ValueType type, std::int32_t destination);
  void copy(std::int32_t from, std::int32_t to, Carrier carrier);

  // Locals and stack entries.
  Operand stand_for(Operand operand);
  void spill_local(std::uint32_t index);
  void assign_local(std::uint32_t index, const Operand& value);
  void materialize(std::size_t first_entry);
  void materialize_locals();
  std::int32_t slots_of_top(std::size_t count) const;

  // Control.
  void add_branch(std::int32_t& chain, std::uint32_t instruction, std::uint32_t field);
  void bind(std::int32_t& chain);
  void jump(Frame& target);
  struct Target {
    bool backward = false;
    std::uint32_t start = 0;
    std::int32_t* chain = nullptr;
  };
  static bool is_loop(const Frame& frame) { return frame.kind == wasm::FrameKind::loop; }
  Target target_of(Frame& frame);
  void branch_if(const Operand& condition, bool negated, const Target& target);
  std::size_t arity(const Frame& frame) const { return frame.label_types().size(); }
  bool values_in_place(const Frame& target) const;
  void move_values(Frame& target);
  std::int32_t prepare_arguments(const wasm::FunctionType& type);
  bool is_compiled(std::uint32_t function_index) const;
  std::int32_t window_of_callee(std::int32_t arguments, const wasm::FunctionType& type);
  void tail_call(std::int32_t reference_slot, const wasm::FunctionType& type, std::int32_t arguments);
  void reserve(std::int32_t slot) { frame_slots_ = slot > frame_slots_ ? slot : frame_slots_; }

  Code& code_;
  const wasm::Module* module_ = nullptr;
  Stack* stack_ = nullptr;
  const bool guarded_;
  bool guarded_memory0_ = false;
  std::uint32_t offset_ = 0;

  std::vector<std::uint8_t> bytes_;
  std::vector<Position> positions_;
  std::vector<Patch> patches_;
  std::vector<std::uint32_t> loops_;
  std::vector<std::int32_t> local_slots_;
  std::vector<ValueType> local_types_;
  std::vector<std::uint32_t> local_uses_;  ///< at least as many stack entries stand for the local
  std::size_t clean_height_ = 0;           ///< entries below stand for no local
  Pending pending_;
  std::int32_t integer_mirror_ = kNoSlot;  ///< the slot whose value the accumulator holds too
  std::int32_t vector_mirror_ = kNoSlot;
  std::uint32_t last_copy_ = UINT32_MAX;  ///< a copy of one slot that a second can join, at the end of the code
  /// The instruction at the end of the code, unless a branch may lead behind it.
  std::uint32_t last_ = UINT32_MAX;
  std::int32_t operand_base_ = 0;
  std::int32_t frame_slots_ = 0;
  std::int32_t window_ = 0;
  std::uint32_t enter_ = 0;
};

}  // namespace wzrun::interp
