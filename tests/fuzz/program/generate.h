#pragma once

#include "tests/fuzz/program/program.h"
#include "tests/fuzz/program/rows.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

/// Makes a valid program of arbitrary bytes. Statements stand in the middle of expressions on purpose: what lies on
/// the operand stack while locals change, blocks begin and branches are taken is where a translator goes wrong.
namespace wzrun::fuzz {

/// Decisions: the input's bytes, stirred by a generator that it seeds, so that short inputs make long programs too.
class Choices {
 public:
  explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    for (const auto byte : bytes)
      state_ = (state_ ^ byte) * 0x100000001b3;
  }
  std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15;
    auto z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    const std::uint64_t extra = next_ < bytes_.size() ? bytes_[next_++] : 0;
    return (z ^ (z >> 31)) + extra;
  }
  std::uint32_t below(std::size_t count) { return static_cast<std::uint32_t>((bits() >> 8) % count); }
  bool one_in(std::uint32_t count) { return below(count) == 0; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t next_ = 0;
  std::uint64_t state_ = 0xcbf29ce484222325;
};

class Generator {
 public:
  explicit Generator(std::span<const std::uint8_t> bytes) : choices_(bytes) {}

  Program generate() {
    simd_ = choices_.one_in(3);
    memory_ = !choices_.one_in(4);
    make_types();
    const auto functions = 1 + choices_.below(4);
    program_.functions.resize(functions);
    for (auto& function : program_.functions) {
      function.type_index = choices_.below(signatures_);
      function.signature = program_.types[function.type_index];
      function.locals = function.signature.params;
    }
    for (std::uint32_t i = 0; i < 5; ++i) {
      const auto type = any_type();
      program_.globals.push_back(type);
      program_.global_values.push_back(value_of(type));
    }
    program_.table.assign(functions + 2, Program::kNoFunction);
    program_.table[functions + 1] = 0;  // the host's
    for (auto i = functions; i-- > 0;) {
      make_body(i);
      program_.table[1 + i] = function_index(i);
      callable_.push_back(function_index(i));
    }
    for (const auto type : program_.functions[0].signature.params)
      program_.arguments.push_back(value_of(type));
    return std::move(program_);
  }

 private:
  struct Label {
    Types types;
    bool is_loop = false;
  };

  ValueType any_type() {
    static constexpr ValueType kTypes[] = {value_types::i32, value_types::i64, value_types::i32, value_types::i64,
                                           value_types::f64, value_types::f32, value_types::v128};
    return kTypes[choices_.below(simd_ ? 7 : 6)];
  }
  Types any_types(std::size_t at_most) {
    Types list(choices_.below(at_most + 1));
    std::ranges::generate(list, [&] { return any_type(); });
    return list;
  }

  Bits value_of(ValueType type) {
    const auto bits = choices_.bits();
    static constexpr std::uint64_t kInteresting[] = {0,
                                                     1,
                                                     2,
                                                     3,
                                                     ~0ULL,
                                                     0x7fffffff,
                                                     0x80000000,
                                                     0xffffffff,
                                                     0x100000000,
                                                     0x7fffffffffffffff,
                                                     0x8000000000000000,
                                                     31,
                                                     64,
                                                     0xffff,
                                                     100};
    switch (type.kind()) {
      case ValueKind::i32:
        return {(choices_.one_in(2) ? kInteresting[choices_.below(std::size(kInteresting))] : bits) & 0xffffffff};
      case ValueKind::i64:
        return {choices_.one_in(2) ? kInteresting[choices_.below(std::size(kInteresting))] : bits};
      case ValueKind::f32:
        return detail::to_bits(static_cast<float>(static_cast<std::int32_t>(bits >> (bits & 31))) * 0.25F);
      case ValueKind::f64:
        return detail::to_bits(static_cast<double>(static_cast<std::int64_t>(bits >> (bits & 63))) * 0.25);
      default:
        return {bits, choices_.bits()};
    }
  }

  void make_types() {
    signatures_ = 3 + choices_.below(3);
    for (std::uint32_t i = 0; i < signatures_; ++i)
      type_index({any_types(4), any_types(3)});
    signatures_ = static_cast<std::uint32_t>(program_.types.size());
    program_.host_type = choices_.below(signatures_);
  }

  std::uint32_t type_index(const Signature& signature) {
    const auto found = std::ranges::find(program_.types, signature);
    if (found != program_.types.end())
      return static_cast<std::uint32_t>(found - program_.types.begin());
    program_.types.push_back(signature);
    return static_cast<std::uint32_t>(program_.types.size() - 1);
  }

  void make_body(std::size_t index) {
    auto& function = program_.functions[index];
    function_ = &function;
    const auto extra = 1 + choices_.below(8);
    for (std::uint32_t i = 0; i < extra; ++i)
      function.locals.push_back(any_type());
    writable_ = function.locals.size();
    budget_ = 40 + static_cast<int>(choices_.below(160));
    labels_ = {{function.signature.results, false}};
    out_ = &function.body;
    go({}, function.signature.results, 0);
  }

  // Emission.

  Instruction& emit(Opcode opcode, std::uint64_t immediate = 0, std::uint32_t index = 0) {
    --budget_;
    auto& instruction = out_->emplace_back();
    instruction.opcode = opcode;
    instruction.immediate = immediate;
    instruction.index = index;
    return instruction;
  }

  /// Code that makes of the operands `have` the operands `want`.
  void go(Types have, const Types& want, int depth) {
    std::size_t kept = 0;
    while (kept < have.size() && kept < want.size() && have[kept] == want[kept] && !choices_.one_in(6))
      ++kept;
    while (have.size() > kept) {
      if (choices_.one_in(4))
        statement(depth + 1);
      consume(have.back());
      have.pop_back();
    }
    for (auto count = choices_.below(depth == 0 ? 8 : 4); count-- > 0 && budget_ > 0;)
      statement(depth + 1);
    for (auto i = kept; i < want.size(); ++i) {
      if (choices_.one_in(5))
        statement(depth + 1);
      expression(want[i], depth + 1);
    }
    if (choices_.one_in(6))
      statement(depth + 1);
  }

  /// Takes the top operand.
  void consume(ValueType type) {
    const auto choice = choices_.below(4);
    if (choice == 0 && set_global(type))
      return;
    if (choice != 1)
      if (const auto local = some_local(type, true); local >= 0) {
        emit(Opcode::local_set, static_cast<std::uint64_t>(local));
        return;
      }
    emit(Opcode::drop);
  }

  bool set_global(ValueType type) {
    const auto at = choices_.below(program_.globals.size());
    if (program_.globals[at] != type)
      return false;
    emit(Opcode::global_set, at);
    return true;
  }

  /// A local of this type, or -1.
  std::int64_t some_local(ValueType type, bool to_write) {
    const auto count = to_write ? writable_ : function_->locals.size();
    if (count == 0)
      return -1;
    const auto first = choices_.below(count);
    for (std::size_t i = 0; i < count; ++i)
      if (const auto local = (first + i) % count; function_->locals[local] == type)
        return static_cast<std::int64_t>(local);
    return -1;
  }

  void constant(ValueType type) {
    const auto bits = value_of(type);
    switch (type.kind()) {
      case ValueKind::i32:
        emit(Opcode::i32_const, bits.low);
        return;
      case ValueKind::i64:
        emit(Opcode::i64_const, bits.low);
        return;
      case ValueKind::f32:
        emit(Opcode::f32_const, bits.low);
        return;
      case ValueKind::f64:
        emit(Opcode::f64_const, bits.low);
        return;
      default:
        emit(Opcode::v128_const).bytes = detail::from_bits<std::array<std::uint8_t, 16>>(bits);
    }
  }

  void simple(ValueType type) {
    if (const auto local = some_local(type, false); local >= 0 && !choices_.one_in(3)) {
      emit(Opcode::local_get, static_cast<std::uint64_t>(local));
      return;
    }
    constant(type);
  }

  void expression(ValueType type, int depth) {
    if (budget_ <= 0 || depth > 12) {
      simple(type);
      return;
    }
    switch (choices_.below(16)) {
      case 0:
      case 1:
      case 2:
        simple(type);
        return;
      case 3:
        if (const auto local = some_local(type, true); local >= 0) {
          expression(type, depth + 1);
          if (choices_.one_in(3))
            statement(depth + 1);
          emit(Opcode::local_tee, static_cast<std::uint64_t>(local));
          return;
        }
        break;
      case 4:
        for (std::uint32_t i = 0; i < program_.globals.size(); ++i)
          if (program_.globals[i] == type) {
            emit(Opcode::global_get, i);
            return;
          }
        break;
      case 5:
        if (memory_ && load(type, depth))
          return;
        break;
      case 6:
        expression(type, depth + 1);
        expression(type, depth + 1);
        expression(value_types::i32, depth + 1);
        if (choices_.one_in(2) && type != value_types::v128)
          emit(Opcode::select);
        else
          emit(Opcode::select_t).type = type;
        return;
      case 7:
      case 8:
        block({type}, depth);
        return;
      case 9:
        call({type}, depth);
        return;
      case 10:
        if (branch_if({type}, depth))
          return;
        break;
      case 11:
        if (type == value_types::i32 && memory_) {
          if (choices_.one_in(4)) {
            emit(Opcode::i32_const, choices_.below(3));
            emit(Opcode::memory_grow, 0);
          } else {
            emit(Opcode::memory_size, 0);
          }
          return;
        }
        break;
      default:
        break;
    }
    numeric(type, depth);
  }

  void numeric(ValueType type, int depth) {
    if (type == value_types::v128 && choices_.one_in(12)) {
      expression(type, depth + 1);
      expression(type, depth + 1);
      auto& shuffle = emit(Opcode::i8x16_shuffle);
      for (auto& lane : shuffle.bytes)
        lane = static_cast<std::uint8_t>(choices_.below(32));
      return;
    }
    for (;;) {
      const auto& rows = numeric_rows();
      // Half of the time from the first ones: the scalar instructions.
      const auto& row = rows[choices_.below(choices_.one_in(2) ? std::size_t{128} : rows.size())];
      const bool has_vector = std::ranges::find(row.params, value_types::v128) != row.params.end();
      if (row.result != type || (has_vector && !simd_) || row.text.find("relaxed") != std::string_view::npos)
        continue;
      const bool division = row.text.find("div_") != std::string_view::npos ||
                            row.text.find("rem_") != std::string_view::npos ||
                            row.text.find(".trunc_f") != std::string_view::npos;
      if (division && !choices_.one_in(8))
        continue;
      for (const auto param : row.params) {
        if (choices_.one_in(10))
          statement(depth + 1);
        expression(param, depth + 1);
      }
      if (choices_.one_in(12))
        statement(depth + 1);
      auto& instruction = emit(row.opcode);
      if (row.lanes != 0)
        instruction.lane = static_cast<std::uint8_t>(choices_.below(row.lanes));
      return;
    }
  }

  // Memory.

  /// Pushes an address that is usually in bounds; returns an offset to go with it.
  std::uint64_t address(std::uint32_t memory, int depth) {
    const bool wide = memory == 1;
    const auto type = wide ? value_types::i64 : value_types::i32;
    static constexpr std::uint64_t kEdges[] = {0,     1,     65520,  65528,      65532,     65534,
                                               65535, 65536, 131072, 0xfffffff0, 0xffffffff};
    const auto choice = choices_.below(24);
    if (choice == 0) {
      emit(wide ? Opcode::i64_const : Opcode::i32_const, kEdges[choices_.below(std::size(kEdges))]);
    } else if (choice < 8) {
      emit(wide ? Opcode::i64_const : Opcode::i32_const, choices_.below(65000));
    } else if (choice == 8) {
      expression(type, depth + 1);
    } else {
      expression(type, depth + 1);
      emit(wide ? Opcode::i64_const : Opcode::i32_const, 0xffff >> choices_.below(10));
      emit(wide ? Opcode::i64_and : Opcode::i32_and);
    }
    if (choices_.one_in(24))
      return wide && choices_.one_in(2) ? ~0ULL - choices_.below(20) : 0xffffffff - choices_.below(70000);
    return choices_.one_in(2) ? 0 : choices_.below(64);
  }

  bool load(ValueType type, int depth) {
    const std::uint32_t memory = choices_.one_in(5) ? 1 : 0;
    if (type == value_types::v128 && choices_.one_in(4)) {
      const auto& row = lane_rows()[choices_.below(4)];
      const auto offset = address(memory, depth);
      expression(type, depth + 1);
      emit(row.opcode, offset, memory).lane = static_cast<std::uint8_t>(choices_.below(row.lanes));
      return true;
    }
    const auto& rows = load_rows();
    const auto first = choices_.below(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto& row = rows[(first + i) % rows.size()];
      if (row.result != type)
        continue;
      const auto offset = address(memory, depth);
      emit(row.opcode, offset, memory);
      return true;
    }
    return false;
  }

  void store(int depth) {
    const std::uint32_t memory = choices_.one_in(5) ? 1 : 0;
    if (simd_ && choices_.one_in(8)) {
      const auto& row = lane_rows()[4 + choices_.below(4)];
      const auto offset = address(memory, depth);
      expression(value_types::v128, depth + 1);
      emit(row.opcode, offset, memory).lane = static_cast<std::uint8_t>(choices_.below(row.lanes));
      return;
    }
    const auto& rows = store_rows();
    const auto* row = &rows[choices_.below(rows.size())];
    while (row->value == value_types::v128 && !simd_)
      row = &rows[choices_.below(rows.size())];
    const auto offset = address(memory, depth);
    if (choices_.one_in(6))
      statement(depth + 1);
    expression(row->value, depth + 1);
    emit(row->opcode, offset, memory);
  }

  void bulk(int depth) {
    const auto choice = choices_.below(8);
    const auto index = [&](bool wide) {
      expression(wide ? value_types::i64 : value_types::i32, depth + 1);
      emit(wide ? Opcode::i64_const : Opcode::i32_const, 0x7fff);
      emit(wide ? Opcode::i64_and : Opcode::i32_and);
    };
    const bool wide = choices_.one_in(4);
    if (choice == 0) {
      emit(Opcode::data_drop, 0);
    } else if (choice < 3) {
      index(wide);
      emit(Opcode::i32_const, choices_.below(40));
      emit(Opcode::i32_const, choices_.below(26));
      emit(Opcode::memory_init, wide ? 1 : 0);
    } else if (choice < 5) {
      index(wide);
      expression(value_types::i32, depth + 1);
      index(wide);
      emit(Opcode::memory_fill, wide ? 1 : 0);
    } else {
      const bool wide_source = choices_.one_in(4);
      index(wide);
      index(wide_source);
      index(wide && wide_source);
      emit(Opcode::memory_copy, wide ? 1 : 0, wide_source ? 1 : 0);
    }
  }

  // Control.

  /// A block, loop or if whose results are `results`, with parameters of its own choice.
  void block(const Types& results, int depth) {
    Signature signature{choices_.one_in(2) ? Types{} : any_types(3), results};
    for (const auto type : signature.params)
      expression(type, depth + 1);
    static constexpr Opcode kKinds[] = {Opcode::block, Opcode::loop, Opcode::if_};
    const auto kind = kKinds[choices_.below(3)];
    if (kind == Opcode::if_)
      expression(value_types::i32, depth + 1);
    if (choices_.one_in(8))
      emit(Opcode::nop);
    Instruction instruction;
    instruction.opcode = kind;
    instruction.signature = signature;
    instruction.index = type_index(signature);
    auto* const outer = out_;
    labels_.push_back({kind == Opcode::loop ? signature.params : signature.results, kind == Opcode::loop});
    out_ = &instruction.body;
    go(signature.params, results, depth + 1);
    if (kind == Opcode::if_ && (signature.params != results || choices_.one_in(2))) {
      out_ = &instruction.otherwise;
      go(signature.params, results, depth + 1);
      if (instruction.otherwise.empty())
        emit(Opcode::nop);
    }
    labels_.pop_back();
    out_ = outer;
    out_->push_back(std::move(instruction));
    --budget_;
  }

  /// A loop that a local of its own counts down.
  void counted_loop(int depth) {
    const auto counter = function_->locals.size();
    function_->locals.push_back(value_types::i32);
    emit(Opcode::i32_const, 1 + choices_.below(4));
    emit(Opcode::local_set, counter);
    const auto params = choices_.one_in(2) ? Types{} : any_types(2);
    for (const auto type : params)
      expression(type, depth + 1);
    Instruction instruction;
    instruction.opcode = Opcode::loop;
    instruction.signature = {params, params};
    instruction.index = type_index(instruction.signature);
    auto* const outer = out_;
    labels_.push_back({params, true});
    out_ = &instruction.body;
    go(params, params, depth + 1);
    emit(Opcode::local_get, counter);
    emit(Opcode::i32_const, 1);
    emit(Opcode::i32_sub);
    emit(Opcode::local_tee, counter);
    if (choices_.one_in(3)) {
      emit(Opcode::i32_eqz);
      emit(Opcode::i32_eqz);
    } else if (choices_.one_in(2)) {
      emit(Opcode::i32_const, 0);
      emit(choices_.one_in(2) ? Opcode::i32_gt_s : Opcode::i32_ne);
    }
    emit(Opcode::br_if, 0);
    labels_.pop_back();
    out_ = outer;
    out_->push_back(std::move(instruction));
    for (auto type = params.rbegin(); type != params.rend(); ++type)
      consume(*type);
  }

  std::uint64_t own_local(ValueType type) {
    function_->locals.push_back(type);
    return function_->locals.size() - 1;
  }

  void advance(std::uint64_t local, std::int64_t amount) {
    emit(Opcode::local_get, local);
    emit(Opcode::i32_const, static_cast<std::uint32_t>(amount));
    emit(Opcode::i32_add);
    emit(Opcode::local_set, local);
  }

  /// Where an array of `bytes` begins: mostly inside, at times across the memory's end or the end of the addresses.
  std::uint32_t array_address(std::uint32_t bytes) {
    switch (choices_.below(12)) {
      case 0:
        return 65536 - bytes - choices_.below(3) * 4 + choices_.below(24);
      case 1:
        return 0U - choices_.below(bytes + 16);
      default:
        return choices_.below(60000);
    }
  }

  /// A value for an array's element, of elements and what does not change.
  void element(ValueType type, const std::vector<std::uint64_t>& pointers, int terms) {
    static constexpr Opcode kI32[] = {Opcode::i32_add, Opcode::i32_xor, Opcode::i32_mul, Opcode::i32_shl};
    static constexpr Opcode kI64[] = {Opcode::i64_add, Opcode::i64_sub, Opcode::i64_mul, Opcode::i64_shr_u};
    for (int term = 0; term < terms; ++term) {
      const auto& rows = load_rows();
      const auto first = choices_.below(rows.size());
      const auto found = [&](std::size_t i) -> const LoadRow& { return rows[(first + i) % rows.size()]; };
      std::size_t i = 0;
      while (found(i).result != type)
        ++i;
      if (choices_.one_in(4)) {
        simple(type);
      } else {
        emit(Opcode::local_get, pointers[choices_.below(pointers.size())]);
        emit(found(i).opcode, choices_.one_in(2) ? 0 : choices_.below(5) * 4);
      }
      if (term == 0)
        continue;
      switch (type.kind()) {
        case ValueKind::i32:
          emit(kI32[choices_.below(std::size(kI32))]);
          break;
        case ValueKind::i64:
          emit(kI64[choices_.below(std::size(kI64))]);
          break;
        case ValueKind::f32:
          emit(choices_.one_in(2) ? Opcode::f32_add : Opcode::f32_mul);
          break;
        case ValueKind::f64:
          emit(choices_.one_in(2) ? Opcode::f64_add : Opcode::f64_mul);
          break;
        default:
          emit(choices_.one_in(2) ? Opcode::i32x4_add : Opcode::i8x16_sub);
      }
    }
  }

  /// Whether a loop of `count` iterations goes on: its counter, or a pointer, is compared with the end.
  void goes_on(std::uint64_t counter, std::int64_t step, std::uint64_t pointer, std::uint32_t begin,
               std::int64_t stride, std::uint32_t count) {
    const auto choice = choices_.below(5);
    if (choice == 0) {
      emit(Opcode::local_get, pointer);
      emit(Opcode::i32_const, static_cast<std::uint32_t>(begin + count * stride));
      emit(Opcode::i32_ne);
      return;
    }
    emit(Opcode::local_get, counter);
    emit(Opcode::i32_const, static_cast<std::uint32_t>(count * step));
    emit(choice == 1 ? Opcode::i32_ne : choice < 4 ? Opcode::i32_lt_u : Opcode::i32_lt_s);
  }

  /// A loop over arrays as compilers write them: pointers that advance by constants, one to three stores, no calls.
  void array_loop() {
    static constexpr std::int64_t kStrides[] = {1, 2, 4, 4, 4, 8, 8, 16, 12, -4, -8, -1};
    const auto count = 1 + (choices_.one_in(4) ? choices_.below(10) : choices_.below(90));
    const std::int64_t step = choices_.one_in(4) ? 4 : 1;
    const auto counter = own_local(value_types::i32);
    std::vector<std::uint64_t> pointers;
    std::vector<std::int64_t> strides;
    std::uint32_t begin = 0;
    for (auto arrays = 1 + choices_.below(3); arrays-- > 0;) {
      strides.push_back(kStrides[choices_.below(std::size(kStrides))]);
      const bool overlaps = !pointers.empty() && choices_.one_in(3);
      const auto bytes = static_cast<std::uint32_t>(count * 8);
      const auto address = overlaps ? begin + choices_.below(40) - 16 : array_address(bytes);
      if (pointers.empty())
        begin = address;
      pointers.push_back(own_local(value_types::i32));
      emit(Opcode::i32_const, address);
      emit(Opcode::local_set, pointers.back());
    }
    emit(Opcode::i32_const, 0);
    emit(Opcode::local_set, counter);
    Instruction loop;
    loop.opcode = Opcode::loop;
    loop.index = type_index({});
    auto* const outer = out_;
    out_ = &loop.body;
    for (auto stores = 1 + choices_.below(3); stores-- > 0;) {
      const auto& rows = store_rows();
      const auto* row = &rows[choices_.below(rows.size())];
      while (row->value == value_types::v128 && !simd_)
        row = &rows[choices_.below(rows.size())];
      emit(Opcode::local_get, pointers[choices_.below(pointers.size())]);
      element(row->value, pointers, 1 + static_cast<int>(choices_.below(3)));
      emit(row->opcode, choices_.one_in(2) ? 0 : choices_.below(5) * 4);
    }
    if (choices_.one_in(3)) {  // a sum, in a local that is looked at later
      static constexpr ValueType kSums[] = {value_types::i32, value_types::i64, value_types::f64};
      const auto type = kSums[choices_.below(std::size(kSums))];
      if (const auto local = some_local(type, true); local >= 0) {
        emit(Opcode::local_get, static_cast<std::uint64_t>(local));
        element(type, pointers, 1);
        emit(type == value_types::i32 ? Opcode::i32_add : type == value_types::i64 ? Opcode::i64_add : Opcode::f64_add);
        emit(Opcode::local_set, static_cast<std::uint64_t>(local));
      }
    }
    for (std::size_t i = 0; i < pointers.size(); ++i)
      advance(pointers[i], strides[i]);
    advance(counter, step);
    goes_on(counter, step, pointers[0], begin, strides[0], count);
    emit(Opcode::br_if, 0);
    out_ = outer;
    out_->push_back(std::move(loop));
  }

  /// A call whose results become `want`.
  void call(const Types& want, int depth) {
    const auto pick = choices_.below(callable_.size() + 1);
    const auto target = pick == callable_.size() ? 0 : callable_[pick];
    const auto type = target == 0 ? program_.host_type : program_.functions[target - 1].type_index;
    const auto signature = program_.types[type];
    for (const auto param : signature.params)
      expression(param, depth + 1);
    if (choices_.one_in(3) && table_index(target, depth))
      emit(Opcode::call_indirect, 0, type);
    else
      emit(Opcode::call, target);
    go(signature.results, want, depth + 1);
  }

  /// Pushes where the table has the function, if it does; now and then something else.
  bool table_index(std::uint32_t target, int depth) {
    const auto at = std::ranges::find(program_.table, target) - program_.table.begin();
    if (at == static_cast<std::ptrdiff_t>(program_.table.size()))
      return false;
    if (choices_.one_in(30)) {
      expression(value_types::i32, depth + 1);
      return true;
    }
    emit(Opcode::i32_const, static_cast<std::uint64_t>(at));
    if (choices_.one_in(2)) {  // not a constant to the translator
      expression(value_types::i32, depth + 1);
      emit(Opcode::i32_const, 0);
      emit(Opcode::i32_and);
      emit(Opcode::i32_or);
    }
    return true;
  }

  /// A branch that is perhaps taken, with the label's values, which become `want` where it is not.
  bool branch_if(const Types& want, int depth) {
    const auto label = some_label();
    const auto types = labels_[labels_.size() - 1 - label].types;
    for (const auto type : types)
      expression(type, depth + 1);
    expression(value_types::i32, depth + 1);
    emit(Opcode::br_if, label);
    go(types, want, depth + 1);
    return true;
  }

  std::uint32_t some_label() {
    auto label = choices_.below(labels_.size());
    // Loops rarely: most would not end.
    if (labels_[labels_.size() - 1 - label].is_loop && !choices_.one_in(4))
      label = choices_.below(labels_.size());
    return label;
  }

  /// Leaves for good: what follows in the block is dead code.
  void leave(int depth) {
    const auto label = some_label();
    const auto types = labels_[labels_.size() - 1 - label].types;
    switch (choices_.below(8)) {
      case 0:
        for (const auto type : function_->signature.results)
          expression(type, depth + 1);
        emit(Opcode::return_);
        return;
      case 1:
        if (choices_.one_in(4))
          emit(Opcode::unreachable);
        return;
      case 2:
        tail_call(depth);
        return;
      case 3:
      case 4: {
        std::vector<std::uint32_t> same;
        for (std::uint32_t i = 0; i < labels_.size(); ++i)
          if (labels_[labels_.size() - 1 - i].types == types)
            same.push_back(i);
        for (const auto type : types)
          expression(type, depth + 1);
        expression(value_types::i32, depth + 1);
        if (choices_.one_in(2)) {
          emit(Opcode::i32_const, 3);
          emit(Opcode::i32_and);
        }
        auto& table = emit(Opcode::br_table);
        for (auto count = choices_.below(5) + 1; count-- > 0;)
          table.targets.push_back(same[choices_.below(same.size())]);
        return;
      }
      default:
        for (const auto type : types)
          expression(type, depth + 1);
        emit(Opcode::br, label);
    }
  }

  void tail_call(int depth) {
    std::vector<std::uint32_t> same;
    for (const auto target : callable_)
      if (program_.functions[target - 1].signature.results == function_->signature.results)
        same.push_back(target);
    if (program_.types[program_.host_type].results == function_->signature.results)
      same.push_back(0);
    if (same.empty())
      return;
    const auto target = same[choices_.below(same.size())];
    const auto type = target == 0 ? program_.host_type : program_.functions[target - 1].type_index;
    const auto params = program_.types[type].params;
    for (const auto param : params)
      expression(param, depth + 1);
    if (choices_.one_in(3) && table_index(target, depth))
      emit(Opcode::return_call_indirect, 0, type);
    else
      emit(Opcode::return_call, target);
  }

  void statement(int depth) {
    if (budget_ <= 0 || depth > 10)
      return;
    switch (choices_.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const auto local = choices_.below(writable_);
        expression(function_->locals[local], depth + 1);
        emit(Opcode::local_set, local);
        return;
      }
      case 4: {
        const auto global = choices_.below(program_.globals.size());
        expression(program_.globals[global], depth + 1);
        emit(Opcode::global_set, global);
        return;
      }
      case 5:
      case 6:
        if (memory_)
          store(depth);
        return;
      case 7:
        expression(any_type(), depth + 1);
        emit(Opcode::drop);
        return;
      case 8:
      case 9:
        block({}, depth);
        return;
      case 10: {
        const auto results = any_types(3);
        block(results, depth);
        go(results, {}, depth + 1);
        return;
      }
      case 11:
        counted_loop(depth);
        return;
      case 12:
        call({}, depth);
        return;
      case 13:
        branch_if({}, depth);
        return;
      case 14:
        // Not at the function's own level: too little would run.
        if (labels_.size() > 1)
          leave(depth);
        return;
      default:
        if (memory_ && choices_.one_in(2))
          array_loop();
        else if (memory_ && choices_.one_in(2))
          bulk(depth);
    }
  }

  Choices choices_;
  Program program_;
  Function* function_ = nullptr;
  std::vector<Instruction>* out_ = nullptr;
  std::vector<Label> labels_;
  std::vector<std::uint32_t> callable_;
  std::uint32_t signatures_ = 0;
  std::size_t writable_ = 0;
  int budget_ = 0;
  bool simd_ = false;
  bool memory_ = false;
};

}  // namespace wzrun::fuzz
