#include "baseline/survey.h"

#include "baseline/arguments.h"
#include "runtime/instance.h"
#include "wasm/function_reader.h"
#include "wasm/null_sink.h"

#include <algorithm>

namespace wzrun::baseline {

namespace {

using wasm::FrameKind;
using wasm::FunctionType;
using wasm::Opcode;

struct Survey : wasm::NullSink {
  static constexpr bool kListens = true;
  using Stack = wasm::OperandStack<Operand>;

  Survey(const wasm::Module& wasm, bool memories_are_guarded) : module(wasm), guarded(memories_are_guarded) {}

  const wasm::Module& module;
  const bool guarded;
  Needs needs;
  Stack* stack = nullptr;
  unsigned depth = 0;

  std::uint64_t weight() const {
    constexpr unsigned kDeepest = 8;
    return std::uint64_t{1} << 3 * std::min(depth, kDeepest);
  }
  void use(std::uint32_t local) { needs.locals[local] += weight(); }
  void height(std::size_t operands) { needs.operands = std::max(needs.operands, operands); }
  void refuse() { needs.is_supported = false; }
  void note_vectors(std::span<const ValueType> types) {
    if (std::ranges::any_of(types, &ValueType::is_vector))
      needs.has_vectors = true;
  }
  template <Opcode op>
  void note_vector_instruction() {
    if constexpr (wasm::code_of(op) >> 16 == 0xfd)
      needs.has_vectors = true;
  }
  void access(const wasm::MemoryArgument& memory) {
    if (memory.memory_index == 0 && guarded && !module.memories[0].limits.is_64)
      needs.pins_memory = true;
  }
  void note_call(const FunctionType& type) {
    needs.calls += weight();
    height(stack->size() - type.params.size() + type.results.size());
    note_vectors(type.params);
    note_vectors(type.results);
    needs.stack_argument_bytes = std::max(needs.stack_argument_bytes, ArgumentPlaces::stack_bytes(type));
    if (ArgumentPlaces::has_buffer(type))
      needs.result_slots = std::max(needs.result_slots, runtime::slot_count(type.results));
  }
  Operand helper() {
    needs.calls += weight();
    return {};
  }

  // NOLINTBEGIN(bugprone-derived-method-shadowing-base-method): that is what a sink does
  void begin(const wasm::Module&, std::uint32_t, std::span<const ValueType> locals, Stack& operands, Frame& frame) {
    needs.locals.assign(locals.size(), 0);
    stack = &operands;
    note_vectors(locals);
    note_vectors(frame.type.results);
  }
  void at(std::uint64_t) { height(stack->size() + 1); }

  template <Opcode op, typename... Operands>
  Operand numeric(Operands...) {
    note_vector_instruction<op>();
    return {};
  }
  template <Opcode op, typename... Operands>
  Operand lane(std::uint8_t, Operands...) {
    note_vector_instruction<op>();
    return {};
  }
  Operand shuffle(const std::array<std::uint8_t, 16>&, Operand, Operand) {
    needs.has_vectors = true;
    return {};
  }
  Operand v128_const(const std::array<std::uint8_t, 16>&) {
    needs.has_vectors = true;
    return {};
  }
  template <Opcode op>
  Operand load(const wasm::MemoryArgument& memory, Operand) {
    note_vector_instruction<op>();
    access(memory);
    return {};
  }
  template <Opcode op>
  void store(const wasm::MemoryArgument& memory, Operand, Operand) {
    note_vector_instruction<op>();
    access(memory);
  }
  template <Opcode op>
  Operand load_lane(const wasm::MemoryArgument& memory, std::uint8_t, Operand, Operand) {
    note_vector_instruction<op>();
    access(memory);
    return {};
  }
  template <Opcode op>
  void store_lane(const wasm::MemoryArgument& memory, std::uint8_t, Operand, Operand) {
    note_vector_instruction<op>();
    access(memory);
  }

  Operand local_get(std::uint32_t index) {
    use(index);
    return {};
  }
  void local_set(std::uint32_t index, Operand) { use(index); }
  Operand local_tee(std::uint32_t index, Operand) {
    use(index);
    return {};
  }
  Operand global_get(std::uint32_t index) {
    if (module.globals[index].type.value.is_vector())
      needs.has_vectors = true;
    return {};
  }

  Operand table_grow(std::uint32_t, Operand, Operand) { return helper(); }
  void table_fill(std::uint32_t, Operand, Operand, Operand) { helper(); }
  void table_copy(std::uint32_t, std::uint32_t, Operand, Operand, Operand) { helper(); }
  void table_init(std::uint32_t, std::uint32_t, Operand, Operand, Operand) { helper(); }
  void elem_drop(std::uint32_t) { helper(); }
  Operand memory_grow(std::uint32_t, Operand) { return helper(); }
  void memory_fill(std::uint32_t, Operand, Operand, Operand) { helper(); }
  void memory_copy(std::uint32_t, std::uint32_t, Operand, Operand, Operand) { helper(); }
  void memory_init(std::uint32_t, std::uint32_t, Operand, Operand, Operand) { helper(); }
  void data_drop(std::uint32_t) { helper(); }
  Operand ref_func(std::uint32_t) { return helper(); }

  void loop(Frame& frame) {
    ++depth;
    needs.has_loops = true;
    note_vectors(frame.type.params);
  }
  void end(Frame& frame, bool) {
    if (frame.kind == FrameKind::loop)
      --depth;
    height(frame.height + frame.type.results.size());
    note_vectors(frame.type.results);
  }

  void call(std::uint32_t, const FunctionType& type) { note_call(type); }
  void call_indirect(std::uint32_t, std::uint32_t type, Operand) {
    // Looking whether a type is a subtype is a call of its own.
    if (!module.types[type].is_final)
      refuse();
    note_call(module.types[type].function);
  }
  void call_ref(std::uint32_t type, Operand) { note_call(module.types[type].function); }
  void return_call(std::uint32_t, const FunctionType&) { refuse(); }
  void return_call_indirect(std::uint32_t, std::uint32_t, Operand) { refuse(); }
  void return_call_ref(std::uint32_t, Operand) { refuse(); }
  // NOLINTEND(bugprone-derived-method-shadowing-base-method)

#define WZRUN_UNSUPPORTED(name) \
  template <typename... T>      \
  Operand name(T&&...) {        \
    refuse();                   \
    return {};                  \
  }
#define WZRUN_UNSUPPORTED_ROW(name)   \
  template <Opcode op, typename... T> \
  Operand name(T&&...) {              \
    refuse();                         \
    return {};                        \
  }
#include "wasm/unsupported.def"
};

}  // namespace

Expected<Needs> survey(const wasm::Module& module, std::uint32_t function_index, bool guarded) {
  Survey sink(module, guarded);
  wasm::FunctionReader<Survey> reader(module, sink);
  WZRUN_CHECK(reader.read(function_index));
  return std::move(sink.needs);
}

}  // namespace wzrun::baseline
