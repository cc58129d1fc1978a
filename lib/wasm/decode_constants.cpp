#include "wasm/module_decoder.h"
#include "wasm/opcodes.h"
#include "wasm/type_reader.h"

/// Constant expressions, as far as decoding goes: where they end. Their types are the validator's business.
/// Source: Wasm 3.0, 3.4.6, 5.4.10.
namespace wzrun::wasm {

Expected<ConstantExpression> ModuleDecoder::constant_expression(ByteReader& in) {
  const auto offset = in.offset();
  const auto* const first = in.position();
  if (in.peek() == code_of(Opcode::i32_const)) {  // nearly always, and all
    WZRUN_CHECK(in.byte());
    const auto value = WZRUN_TRY(in.s32());
    if (in.peek() == code_of(Opcode::end)) {
      WZRUN_CHECK(in.byte());
      return ConstantExpression{Bytes(first, in.position()), offset, static_cast<std::uint32_t>(value)};
    }
  }
  for (;;) {
    const auto at = in.offset();
    const auto byte = WZRUN_TRY(in.byte());
    const auto opcode = is_prefix(byte) ? opcode_of(byte, WZRUN_TRY(in.u32())) : opcode_of(byte);
    if (opcode == Opcode::end)
      return ConstantExpression{Bytes(first, in.position()), offset, std::nullopt};
    if (opcode == kNoOpcode)
      return ByteReader::malformed(at, fmt::format("illegal opcode {:02x}", byte));
    WZRUN_CHECK(constant_instruction(in, at, opcode));
  }
}

/// Reads the immediates. Whether the instruction is switched on is the validator's business too.
Expected<void> ModuleDecoder::constant_instruction(ByteReader& in, std::uint64_t at, Opcode opcode) {
  switch (opcode) {
    case Opcode::i32_const:
      WZRUN_CHECK(in.s32());
      return {};
    case Opcode::i64_const:
      WZRUN_CHECK(in.s64());
      return {};
    case Opcode::f32_const:
      WZRUN_CHECK(in.bytes(4));
      return {};
    case Opcode::f64_const:
      WZRUN_CHECK(in.bytes(8));
      return {};
    case Opcode::v128_const:
      WZRUN_CHECK(in.bytes(16));
      return {};
    case Opcode::ref_null:
      WZRUN_CHECK(read_heap_type(in, module_));
      return {};
    case Opcode::ref_func:
      WZRUN_CHECK(declared_function(in));
      return {};
    case Opcode::global_get:
    case Opcode::struct_new:
    case Opcode::struct_new_default:
    case Opcode::array_new:
    case Opcode::array_new_default:
      WZRUN_CHECK(in.u32());
      return {};
    case Opcode::array_new_fixed:
      WZRUN_CHECK(in.u32());
      WZRUN_CHECK(in.u32());
      return {};
    case Opcode::i32_add:
    case Opcode::i32_sub:
    case Opcode::i32_mul:
    case Opcode::i64_add:
    case Opcode::i64_sub:
    case Opcode::i64_mul:
    case Opcode::ref_i31:
    case Opcode::any_convert_extern:
    case Opcode::extern_convert_any:
      return {};
    default:
      return ByteReader::invalid(at, fmt::format("constant expression required: {} is none", to_string(opcode)));
  }
}

}  // namespace wzrun::wasm
