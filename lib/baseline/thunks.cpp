#include "baseline/thunks.h"

#include "baseline/arguments.h"
#include "baseline/frame_layout.h"
#include "baseline/translator.h"
#include "runtime/instance.h"
#include "runtime/native.h"

#include <algorithm>
#include <cstddef>

namespace wzrun::baseline {

namespace {

constexpr std::int32_t kSlot = sizeof(std::uint64_t);

constexpr std::int32_t aligned(std::int32_t bytes) { return (bytes + 15) / 16 * 16; }

/// Of memory, in words, by way of a register.
void copy(Assembler& code, Address to, Address from, std::int32_t bytes, Gpr by) {
  for (; bytes > 0; bytes -= kSlot) {
    code.load(Width::w64, by, from);
    code.store(Width::w64, to, by);
    from.displacement += kSlot;
    to.displacement += kSlot;
  }
}

/// With the arguments in their registers, the instance in rdi.
void call_helper(Assembler& code, runtime::NativeHelper helper) {
  code.load(Width::w64, kScratch, {Gpr::rdi, {}, offsetof(runtime::InstanceContext, helpers)});
  code.call(Address{kScratch, {}, static_cast<std::int32_t>(helper) * kSlot});
}

}  // namespace

void emit_entry(Assembler& code, const wasm::FunctionType& type) {
  const Address saved{Gpr::rbp, {}, -kSlot};
  constexpr auto kTarget = kScratch;
  begin_frame(code, aligned(2 * kSlot + ArgumentPlaces::stack_bytes(type)));
  code.store(Width::w64, saved, Gpr::rbx);
  code.move(Width::w64, Gpr::rbx, Gpr::rdx);
  code.move(Width::w64, kTarget, Gpr::rdi);
  code.move(Width::w64, Gpr::rdi, Gpr::rsi);
  if (ArgumentPlaces::has_buffer(type))
    code.move(Width::w64, Gpr::rsi, Gpr::rbx);  // results go where the parameters were
  ArgumentPlaces places(type);
  Address from{Gpr::rbx, {}, 0};
  for (const auto param : type.params) {
    const auto to = places.next(param);
    if (to.kind == ArgumentPlace::Kind::xmm) {
      code.load(xmm_width(param), to.xmm(), from);
    } else if (to.kind == ArgumentPlace::Kind::gpr) {
      code.load(width_of(param), to.gpr(), from);
    } else {
      copy(code, {Gpr::rsp, {}, to.stack_offset}, from, slot_bytes(param), Gpr::rax);
    }
    from.displacement += slot_bytes(param);
  }
  code.call(Place(kTarget));
  if (type.results.size() == 1)
    store_result(code, type.results[0], {Gpr::rbx, {}, 0});
  code.load(Width::w64, Gpr::rbx, saved);
  code.leave();
  code.ret();
}

void emit_call_thunk(Assembler& code, const wasm::FunctionType& type) {
  constexpr std::int32_t kAboveFrame = 16;
  const Address results{Gpr::rbp, {}, -kSlot};
  begin_frame(code, aligned(2 * kSlot + std::max(slot_bytes(type.params), slot_bytes(type.results))));
  if (ArgumentPlaces::has_buffer(type))
    code.store(Width::w64, results, Gpr::rsi);
  ArgumentPlaces places(type);
  Address to{Gpr::rsp, {}, 0};
  for (const auto param : type.params) {
    const auto from = places.next(param);
    if (from.kind == ArgumentPlace::Kind::xmm) {
      code.store(xmm_width(param), to, from.xmm());
      if (!is_64(param))
        code.store_constant(Width::w32, {to.base, {}, to.displacement + 4}, 0);
    } else if (param.is_vector()) {
      copy(code, to, {Gpr::rbp, {}, kAboveFrame + from.stack_offset}, slot_bytes(param), kScratch);
    } else {
      const auto reg = from.kind == ArgumentPlace::Kind::gpr ? from.gpr() : kScratch;
      if (from.kind == ArgumentPlace::Kind::stack)
        code.load(width_of(param), reg, {Gpr::rbp, {}, kAboveFrame + from.stack_offset});
      else if (!is_64(param))
        code.move(Width::w32, reg, reg);
      code.store(Width::w64, to, reg);
    }
    to.displacement += slot_bytes(param);
  }
  code.move(Width::w64, Gpr::rsi, Gpr::rax);
  code.move(Width::w64, Gpr::rdx, Gpr::rsp);
  call_helper(code, runtime::NativeHelper::call_function);
  if (ArgumentPlaces::has_buffer(type)) {
    code.load(Width::w64, kScratch, results);
    copy(code, {kScratch, {}, 0}, {Gpr::rsp, {}, 0}, slot_bytes(type.results), Gpr::rax);
  } else if (!type.results.empty()) {
    const auto result = type.results[0];
    if (is_in_xmm(result))
      code.load(xmm_width(result), Xmm{0}, {Gpr::rsp, {}, 0});
    else
      code.load(width_of(result), Gpr::rax, {Gpr::rsp, {}, 0});
  }
  code.leave();
  code.ret();
}

void emit_count_thunk(Assembler& code) {
  constexpr std::int32_t kXmmBytes = 16;
  constexpr auto kGprBytes = static_cast<std::int32_t>(kArgumentGprs.size()) * kSlot;
  const auto for_each_argument = [&](const auto& move) {
    for (std::uint8_t i = 0; i < kArgumentXmms; ++i)
      move(XmmWidth::w128, Address{Gpr::rsp, {}, kGprBytes + i * kXmmBytes}, Xmm{i});
    for (std::size_t i = 0; i < kArgumentGprs.size(); ++i)
      move(Width::w64, Address{Gpr::rsp, {}, static_cast<std::int32_t>(i) * kSlot}, kArgumentGprs[i]);
  };
  begin_frame(code, aligned(kGprBytes + kArgumentXmms * kXmmBytes));
  for_each_argument([&](auto width, const Address& place, auto reg) { code.store(width, place, reg); });
  code.move(Width::w64, Gpr::rsi, Gpr::rax);
  code.move_constant(Gpr::rdx, runtime::kNoLoop);
  call_helper(code, runtime::NativeHelper::is_hot);
  for_each_argument([&](auto width, const Address& place, auto reg) { code.load(width, reg, place); });
  code.leave();
  code.ret();
}

}  // namespace wzrun::baseline
