#pragma once

#include "baseline/assembler.h"
#include "baseline/frame_layout.h"
#include "runtime/native.h"
#include "wasm/function_frames.h"
#include "wasm/instruction_types.h"
#include "wasm/module.h"
#include "wasm/opcodes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace wzrun::baseline {

/// A value: where it is, or what it is.
struct Operand {
  enum class Kind : std::uint8_t {
    none,
    constant,  ///< `value`: its bits
    local,     ///< `index`: it is what that local is now
    gpr,       ///< `reg`, which is its own
    xmm,
    slot,   ///< in the frame, at the place of the height `index`
    flags,  ///< whether the condition `reg` holds; the next instruction looks
  };
  Kind kind = Kind::none;
  std::uint8_t reg = 0;
  std::uint32_t index = 0;
  std::uint64_t value = 0;

  static Operand constant(std::uint64_t bits) { return {.kind = Kind::constant, .value = bits}; }
  static Operand in(Gpr reg) { return {.kind = Kind::gpr, .reg = static_cast<std::uint8_t>(reg)}; }
  static Operand in(Xmm reg) { return {.kind = Kind::xmm, .reg = static_cast<std::uint8_t>(reg)}; }
  static Operand slot(std::size_t height) { return {.kind = Kind::slot, .index = static_cast<std::uint32_t>(height)}; }
  bool is(Kind other) const { return kind == other; }
  Gpr gpr() const { return static_cast<Gpr>(reg); }
  Xmm xmm() const { return static_cast<Xmm>(reg); }
  Condition condition() const { return static_cast<Condition>(reg); }
};

/// A piece of the code that belongs to one function, or to none.
struct Range {
  static constexpr std::uint32_t kNone = 0xffffffff;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t function = kNone;
};

/// From here on the code belongs to an instruction of the module.
struct Line {
  std::uint32_t code = 0;
  std::uint64_t module = 0;
};

/// What the functions of a unit share.
struct Unit {
  Unit(const wasm::Module& wasm_module, bool memories_are_guarded, std::uint32_t count_to)
      : module(wasm_module), guarded(memories_are_guarded), patience(count_to), call_thunks(wasm_module.types.size()) {}

  const wasm::Module& module;
  const bool guarded;            ///< 32-bit memories are
  const std::uint32_t patience;  ///< see Request
  Assembler code;
  std::map<std::uint32_t, CodeLabel> members;  ///< functions of the unit, by index
  std::vector<CodeLabel> call_thunks;          ///< by type index, canonical; those that are used have to be written
  CodeLabel count_thunk;                       ///< the same
  std::vector<Range> ranges;
  std::vector<Line> lines;
};

/// Writes the beginning of a function: its frame record.
void make_frame_record(Assembler& code);
/// The same with `size` bytes below it. Uses kScratch.
void begin_frame(Assembler& code, std::int32_t size);
/// Makes a frame larger by so many bytes below rsp. Uses kScratch.
void extend_frame(Assembler& code, std::int32_t size);
/// Stores the result of a call in a slot.
void store_result(Assembler& code, ValueType type, Address to);

/// The sink of FunctionReader that writes machine code as it goes, in one pass.
///
/// A local has one home for the whole function (FrameLayout). An operand is a constant, a name of a local, or in a
/// register of its own; where code paths meet, all operands are in their places in the frame.
class Translator {
 public:
  using Operand = baseline::Operand;
  struct Label {
    std::uint32_t block = 0;
  };
  using Stack = wasm::OperandStack<Operand>;
  using Frame = wasm::ControlFrame<Label>;
  static constexpr bool kListens = true;

  explicit Translator(Unit& unit) : unit_(unit), a_(unit.code), wasm_(unit.module) {}

  /// What the next function needs, and at which of its loops it is entered: numbers in the order in which they begin.
  void prepare(const Needs& needs, std::span<const std::uint32_t> loops) {
    needs_ = &needs;
    wanted_loops_ = loops;
  }
  /// Where the function is entered at loops: a LoopEntry each, by loop number.
  const std::map<std::uint32_t, std::uint32_t>& loop_entries() const { return loop_entries_; }

  void begin(const wasm::Module& wasm, std::uint32_t function_index, std::span<const ValueType> locals, Stack& stack,
             Frame& frame);
  void at(std::uint64_t offset) { offset_ = offset; }

  template <wasm::Opcode op>
  Operand numeric(Operand a) {
    if constexpr (is_vector_instruction(op))
      return vector_unary(op, a);
    else
      return unary(op, a);
  }
  template <wasm::Opcode op>
  Operand numeric(Operand a, Operand b) {
    if constexpr (is_vector_instruction(op))
      return vector_binary(op, a, b);
    else
      return binary(op, a, b);
  }
  template <wasm::Opcode op>
  Operand numeric(Operand a, Operand b, Operand c) {
    return vector_ternary(op, a, b, c);
  }
  template <wasm::Opcode op>
  Operand lane(std::uint8_t index, Operand vector) {
    return lane_of(op, index, vector);
  }
  template <wasm::Opcode op>
  Operand lane(std::uint8_t index, Operand vector, Operand value) {
    return with_lane(op, index, vector, value);
  }
  Operand shuffle(const std::array<std::uint8_t, 16>& lanes, Operand a, Operand b);
  Operand v128_const(const std::array<std::uint8_t, 16>& bytes);
  Operand i32_const(std::uint32_t value) { return Operand::constant(value); }
  Operand i64_const(std::uint64_t value) { return Operand::constant(value); }
  Operand f32_const(std::uint32_t bits) { return Operand::constant(bits); }
  Operand f64_const(std::uint64_t bits) { return Operand::constant(bits); }
  template <wasm::Opcode op>
  Operand load(const wasm::MemoryArgument& memory, Operand address) {
    if constexpr (is_vector_instruction(op))
      return vector_load(op, memory, std::uint64_t{1} << wasm::kAccessSizeLog2<op>, address);
    else
      return load_from(op, memory, address);
  }
  template <wasm::Opcode op>
  void store(const wasm::MemoryArgument& memory, Operand address, Operand value) {
    if constexpr (is_vector_instruction(op))
      vector_store(memory, address, value);
    else
      store_to(op, memory, address, value);
  }
  template <wasm::Opcode op>
  Operand load_lane(const wasm::MemoryArgument& memory, std::uint8_t index, Operand address, Operand vector) {
    return load_lane_from(memory, wasm::kAccessSizeLog2<op>, index, address, vector);
  }
  template <wasm::Opcode op>
  void store_lane(const wasm::MemoryArgument& memory, std::uint8_t index, Operand address, Operand vector) {
    store_lane_to(memory, wasm::kAccessSizeLog2<op>, index, address, vector);
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
  void table_copy(std::uint32_t to_table, std::uint32_t from_table, Operand to, Operand from, Operand count);
  void table_init(std::uint32_t table, std::uint32_t segment, Operand to, Operand from, Operand count);
  void elem_drop(std::uint32_t segment);

  Operand memory_size(std::uint32_t memory);
  Operand memory_grow(std::uint32_t memory, Operand delta);
  void memory_fill(std::uint32_t memory, Operand to, Operand value, Operand count);
  void memory_copy(std::uint32_t to_memory, std::uint32_t from_memory, Operand to, Operand from, Operand count);
  void memory_init(std::uint32_t memory, std::uint32_t segment, Operand to, Operand from, Operand count);
  void data_drop(std::uint32_t segment);

  Operand ref_null(HeapType) { return Operand::constant(0); }
  Operand ref_is_null(Operand reference);
  Operand ref_func(std::uint32_t function_index);
  Operand ref_eq(Operand a, Operand b);
  Operand ref_as_non_null(Operand reference);

  void nop() {}
  void drop(ValueType, Operand value) {
    take(value);
    release(value);
  }
  Operand select(ValueType type, Operand if_true, Operand if_false, Operand condition);

  void unreachable();
  void block(Frame& frame);
  void loop(Frame& frame);
  void if_(Frame& frame, Operand condition);
  void else_(Frame& frame, bool fallthrough_live);
  void end(Frame& frame, bool fallthrough_live);
  Operand param(Frame& frame, std::size_t index) { return Operand::slot(frame.height + index); }
  Operand result(Frame&, std::size_t index) { return block_results_[index]; }

  void br(Frame& frame);
  void br_if(Frame& frame, Operand condition);
  void br_table(std::span<Frame* const> targets, Operand index);
  void return_();
  Operand br_on_null(Frame& frame, Operand reference);
  void br_on_non_null(Frame& frame, Operand reference);

  void call(std::uint32_t function_index, const wasm::FunctionType& type);
  void call_indirect(std::uint32_t table, std::uint32_t type_index, Operand index);
  void call_ref(std::uint32_t type_index, Operand function);
  Operand call_result(std::size_t index);

  // Functions with these are not translated; see Needs::is_supported.
#define WZRUN_UNSUPPORTED(name) \
  template <typename... T>      \
  Operand name(T&&...) {        \
    std::unreachable();         \
  }
#define WZRUN_UNSUPPORTED_ROW(name)         \
  template <wasm::Opcode op, typename... T> \
  Operand name(T&&...) {                    \
    std::unreachable();                     \
  }
  WZRUN_UNSUPPORTED(return_call)
  WZRUN_UNSUPPORTED(return_call_indirect)
  WZRUN_UNSUPPORTED(return_call_ref)
#include "wasm/unsupported.def"

 private:
  using Kind = Operand::Kind;
  using NativeHelper = runtime::NativeHelper;

  struct Block {
    CodeLabel label;            ///< where branches to the block go
    CodeLabel otherwise;        ///< of an if: where its else begins
    bool is_in_table = false;   ///< a jump table has the label
    std::uint32_t landing = 0;  ///< of the br_table with the number `landing_of`: the block that carries for it
    std::uint32_t landing_of = 0;
  };
  struct TrapSite {
    CodeLabel label;
    TrapKind kind{};
    std::uint64_t offset = 0;
  };
  /// A call of a function that may not be compiled, once it has turned out not to be: its FunctionInstance is
  /// `displacement` behind rax.
  struct SlowCall {
    CodeLabel enter;
    CodeLabel back;
    std::uint32_t type = 0;
    std::int32_t displacement = 0;
    std::uint64_t offset = 0;
  };
  /// A loop's beginning, once the count of the function has come to its end there.
  struct LoopCount {
    CodeLabel enter;
    CodeLabel back;
    std::uint32_t loop = 0;
    std::size_t operands = 0;
    std::uint64_t offset = 0;
  };
  struct JumpTable {
    CodeLabel label;
    std::vector<std::uint32_t> blocks;
  };
  struct WantedLoop {
    std::uint32_t number = 0;
    std::uint32_t block = 0;
    std::vector<ValueType> operands;
    std::vector<bool> constants;  ///< which of them are, and so in no place
  };
  template <typename Register, typename Width>
  struct Move {
    Register to{};
    Operand from;
    Width width{};
  };
  using GprMove = Move<Gpr, Width>;
  using XmmMove = Move<Xmm, XmmWidth>;

  // Operands. An instruction takes its operands, which are popped by then, and releases them at its end, but for a
  // register that becomes its result's.
  void take(const Operand& operand);
  void release(const Operand& operand);
  /// The operand in a register; for reading.
  Gpr gpr(Operand& operand, Width width);
  Xmm xmm(Operand& operand, XmmWidth width);
  Xmm xmm(Operand& operand, bool is_64) { return xmm(operand, xmm_width(is_64)); }
  /// The operand in a register or in memory; for reading.
  Place place(Operand& operand, Width width);
  Place xmm_place(Operand& operand, XmmWidth width);
  Place xmm_place(Operand& operand, bool is_64) { return xmm_place(operand, xmm_width(is_64)); }
  /// The operand in a register that may be changed.
  Gpr own(Operand& operand, Width width);
  Xmm own_xmm(Operand& operand, XmmWidth width);
  Xmm own_xmm(Operand& operand, bool is_64) { return own_xmm(operand, xmm_width(is_64)); }
  /// Changes no flags.
  void load_into(Gpr reg, const Operand& operand, Width width);
  void load_into(Xmm reg, const Operand& operand, XmmWidth width);
  void store_in_frame(const Address& place, const Operand& operand, ValueType type);
  bool is_in(const Operand& operand, Gpr reg) const;
  bool is_in(const Operand& operand, Xmm reg) const;
  Address place_of(const Operand& operand) const;
  Gpr allocate_gpr();
  Xmm allocate_xmm();
  void spill_gpr(unsigned reg);
  void spill_xmm(unsigned reg);
  /// Takes a register out of use, whichever operand on the stack has it.
  void clear_gpr(Gpr reg);
  /// The register of the local that the next instruction sets, if the value may be put there at once: the next
  /// instruction begins `length` bytes behind this one.
  std::optional<Gpr> wanted_gpr(std::size_t length) const;
  std::optional<Xmm> wanted_xmm(std::size_t length) const;
  const LocalHome* wanted_home(std::size_t length) const;
  /// Where a result goes whose computation reads none of these after it has begun to write; `reusable` is taken for it
  /// if it is a register of its own.
  Gpr destination(std::size_t length, Operand* reusable, std::initializer_list<const Operand*> read_later);
  Xmm destination_xmm(std::size_t length, Operand* reusable, std::initializer_list<const Operand*> read_later);
  Operand result(Gpr reg);
  Operand result(Xmm reg);
  /// The same value again, as another type.
  Operand pushed_again(const Operand& operand);
  std::uint32_t references(std::uint32_t local) const {
    return references_[local].epoch == epoch_ ? references_[local].count : 0;
  }
  void add_reference(std::uint32_t local);
  /// Gives operands that name the local values of their own.
  void settle(std::uint32_t local);
  /// Puts all operands into their places in the frame; constants stay what they are, but for the topmost `parameters`.
  /// Changes no flags.
  void flush(std::size_t parameters = 0);
  /// What holds where only jumps lead to: the operands below `height` are in their places.
  void forget(std::size_t height);

  // Numbers.
  Operand unary(wasm::Opcode op, Operand a);
  Operand binary(wasm::Opcode op, Operand a, Operand b);
  Operand arithmetic(Arithmetic operation, Width width, Operand a, Operand b, bool is_commutative);
  Operand multiply(Width width, Operand a, Operand b);
  Operand divide(Width width, bool is_signed, bool is_remainder, Operand a, Operand b);
  Operand shift(unsigned operation, Width width, Operand a, Operand b);
  Operand rotate(bool is_left, Width width, Operand a, Operand b);
  Operand count_bits(std::uint8_t code, Width width, Operand a);
  Operand compare(Condition condition, Width width, Operand a, Operand b);
  Operand compare_floats(wasm::Opcode op, bool is_64, Operand a, Operand b);
  Operand equals_zero(Width width, Operand a);
  Operand extend(Encoding op, bool is_byte, Width width, Operand a);
  Operand wrap(Operand a);
  /// The condition as an operand: as flags if the next instruction can use them.
  Operand condition_result(Condition condition, std::size_t length);
  bool next_takes_flags(std::size_t length) const;
  Operand float_arithmetic(std::uint8_t code, bool is_64, Operand a, Operand b);
  Operand float_minimum(bool is_maximum, bool is_64, Operand a, Operand b);
  Operand float_sign(unsigned bit_operation, bool is_64, Operand a);
  Operand copy_sign(bool is_64, Operand a, Operand b);
  Xmm float_unary(std::uint8_t map, std::uint8_t prefix, std::uint8_t code, bool from_64, Operand& a);
  Operand round(std::uint8_t mode, bool is_64, Operand a);
  Operand square_root(bool is_64, Operand a);
  Operand convert_float(bool from_64, Operand a);
  Operand convert_integer(bool to_64, Width from, bool is_signed, Operand a);
  struct Truncation {
    bool from_64 = false;
    Width to{};
    bool is_signed = false;
    bool saturates = false;
  };
  Operand truncate(const Truncation& truncation, Operand a);
  void truncate_in_range(const Truncation& truncation, Gpr to, Xmm from);
  Operand reinterpret(wasm::Opcode op, Operand a);
  void load_float_constant(Xmm reg, bool is_64, std::uint64_t bits);
  static constexpr bool is_vector_instruction(wasm::Opcode op) { return wasm::code_of(op) >> 16 == 0xfd; }
  /// Bytes of an opcode whose number, if it has one, takes as few as it can; in those that are left over then there is
  /// no other opcode.
  static constexpr std::size_t length_of(wasm::Opcode op) {
    constexpr std::uint32_t kOneByte = 0x7f;
    return wasm::code_of(op) <= 0xff ? 1 : (wasm::code_of(op) & 0xffff) <= kOneByte ? 2 : 3;
  }

  // Vectors.
  class Vectors;
  template <typename Emit>
  Operand vector_result(std::size_t length, std::initializer_list<Operand*> operands, const Emit& emit);
  Operand vector_unary(wasm::Opcode op, Operand a);
  Operand vector_binary(wasm::Opcode op, Operand a, Operand b);
  Operand vector_ternary(wasm::Opcode op, Operand a, Operand b, Operand c);
  Operand splat(wasm::Opcode op, Operand a);
  void spread(wasm::Opcode op, Xmm reg);
  Operand vector_test(wasm::Opcode op, Operand a);
  static bool is_vector_shift(wasm::Opcode op);
  Operand vector_shift(wasm::Opcode op, Operand a, Operand count);
  // None of these has an operand in `to`.
  void emit_vector_unary(Vectors& v, wasm::Opcode op, Xmm to, Xmm a);
  void emit_vector_conversion(Vectors& v, wasm::Opcode op, Xmm to, Xmm a);
  void emit_popcnt(Vectors& v, Xmm to, Xmm a);
  void emit_vector_binary(Vectors& v, wasm::Opcode op, Xmm to, Xmm a, Xmm b);
  void emit_vector_extreme(Vectors& v, bool is_maximum, bool is_64, Xmm to, Xmm a, Xmm b);
  void emit_byte_products(Vectors& v, Xmm to, Xmm a, Xmm b);
  void emit_vector_shift(Vectors& v, wasm::Opcode op, Xmm to, Xmm a);
  void emit_vector_ternary(Vectors& v, wasm::Opcode op, Xmm to, Xmm a, Xmm b, Xmm c);
  void extract_lane(unsigned size_log2, const Place& to, Xmm from, std::uint8_t lane);
  void insert_lane(unsigned size_log2, Xmm to, Xmm vector, const Place& from, std::uint8_t lane);
  Operand lane_of(wasm::Opcode op, std::uint8_t lane, Operand vector);
  Operand with_lane(wasm::Opcode op, std::uint8_t lane, Operand vector, Operand value);
  Operand vector_load(wasm::Opcode op, const wasm::MemoryArgument& memory, std::uint64_t bytes, Operand index);
  void vector_store(const wasm::MemoryArgument& memory, Operand index, Operand value);
  Operand load_lane_from(const wasm::MemoryArgument& memory, unsigned size_log2, std::uint8_t lane, Operand index,
                         Operand vector);
  void store_lane_to(const wasm::MemoryArgument& memory, unsigned size_log2, std::uint8_t lane, Operand index,
                     Operand vector);

  // Memory and tables.
  Operand load_from(wasm::Opcode op, const wasm::MemoryArgument& memory, Operand address);
  void store_to(wasm::Opcode op, const wasm::MemoryArgument& memory, Operand address, Operand value);
  /// The host address of an access. What it allocates is in `extra`.
  Address address_of(const wasm::MemoryArgument& memory, Operand& index, std::uint64_t bytes, Operand& extra);
  void load_memory(Gpr to, std::uint32_t memory);
  void load_table(Gpr to, std::uint32_t table);
  /// Leaves the address of a table's first element in kScratch; traps if there is no such element.
  void check_element(std::uint32_t table, Gpr index, TrapKind out_of_bounds);
  Address global_cell(std::uint32_t index);
  std::size_t length_of_access(wasm::Opcode op) const;

  // Control.
  Block& block_of(const Frame& frame) { return blocks_[frame.label.block]; }
  void open(Frame& frame);
  /// The condition under which an i32 is not zero, tested at this place of the code.
  Condition test(Operand& condition);
  bool carries(const Frame& frame) const;
  void return_value(const Operand& operand, ValueType type, std::int32_t offset);
  std::size_t length_of_select() const;
  /// Moves what a branch carries to where its target looks.
  void carry(const Frame& frame);
  void branch_if(Frame& frame, Condition condition);
  CodeLabel& trap_label(TrapKind kind);
  void trap_if(Condition condition, TrapKind kind) { a_.jump_if(condition, trap_label(kind)); }
  void note_line() { unit_.lines.push_back({a_.position(), offset_}); }

  // The function's frame.
  void save_registers(Gpr instance, Gpr results);
  void take_parameters();
  void load_home(const LocalHome& home, const Address& from);
  void zero_locals();
  void emit_return();
  void leave_frame();
  void emit_rest();
  /// What makes a count negative after as many steps as are to be counted.
  std::int32_t count_step() const { return static_cast<std::int32_t>((std::uint64_t{1} << 31) / unit_.patience); }
  /// Of the function, behind the counts' beginning.
  Address shared_count(Gpr counts) const;
  void count_call();
  void zero_count();
  void count_loop(std::uint32_t loop);
  void emit_call_count_end();
  void emit_return_with_count();
  void emit_loop_count_end(LoopCount& count);
  void emit_leaving_for_loop_entry();
  void store_frame(std::int32_t window, std::int32_t others);
  void emit_loop_entry(const WantedLoop& loop);
  void load_frame(const WantedLoop& loop);

  // Calls.
  template <typename AnyMove>
  void move_all(std::vector<AnyMove>& moves, const AnyMove& to_scratch);
  void move_gprs();
  void move_xmms();
  void save_volatile_locals();
  void load_volatile_locals();
  void spill_all_below(std::size_t height);
  /// Everything but the call itself: arguments to their places, `function` to rax, the instance to rdi.
  void prepare_call(const wasm::FunctionType& type, const Operand* function);
  void finish_call(const wasm::FunctionType& type);
  /// Calls the FunctionInstance at rax + displacement.
  void call_instance(std::uint32_t type_index, std::int32_t displacement, bool is_own);
  struct HelperArgument {
    Operand operand;
    Width width = Width::w64;
  };
  /// With the arguments in their registers, but for the instance.
  void call_through_instance(NativeHelper helper);
  /// Arguments behind the instance. The result, if any, is in rax.
  void call_helper(NativeHelper helper, std::initializer_list<HelperArgument> arguments);

  static constexpr std::uint32_t kTaken = 0xffffffff;
  struct References {
    std::uint32_t epoch = 0;
    std::uint32_t count = 0;
  };

  Unit& unit_;
  Assembler& a_;
  const wasm::Module& wasm_;
  const Needs* needs_ = nullptr;
  std::span<const std::uint32_t> wanted_loops_;
  std::map<std::uint32_t, std::uint32_t> loop_entries_;

  std::uint32_t function_index_ = 0;
  const wasm::FunctionType* type_ = nullptr;
  std::span<const std::uint8_t> body_;
  std::uint64_t body_offset_ = 0;
  std::uint64_t offset_ = 0;  ///< of the instruction, in the module
  std::optional<FrameLayout> layout_;
  Stack* stack_ = nullptr;

  RegisterSet used_gprs_;
  RegisterSet used_xmms_;
  std::array<std::uint32_t, 16> gpr_owners_{};  ///< heights of the operands that have them, or kTaken
  std::array<std::uint32_t, 16> xmm_owners_{};
  std::vector<References> references_;  ///< by operands on the stack, to each local
  std::uint32_t epoch_ = 0;             ///< in which counts of references mean something
  std::size_t flushed_ = 0;             ///< operands below this height are in their places, or constants

  std::deque<Block> blocks_;
  std::deque<TrapSite> traps_;
  std::deque<SlowCall> slow_calls_;
  std::deque<JumpTable> tables_;
  std::map<std::array<std::uint8_t, 16>, CodeLabel> vector_constants_;  ///< behind the code
  CodeLabel call_count_end_;
  CodeLabel called_;  ///< behind the counting
  CodeLabel return_with_count_;
  std::deque<LoopCount> loop_counts_;
  CodeLabel leave_for_loop_entry_;
  std::vector<WantedLoop> loops_to_enter_;
  std::uint32_t loops_ = 0;  ///< begun
  std::uint32_t branch_tables_ = 0;
  std::vector<Operand> block_results_;
  const wasm::FunctionType* callee_type_ = nullptr;  ///< whose results are asked for
  std::vector<GprMove> gpr_moves_;
  std::vector<XmmMove> xmm_moves_;
};

}  // namespace wzrun::baseline
