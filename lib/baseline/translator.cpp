#include "baseline/translator.h"

#include "runtime/instance.h"

#include <bit>
#include <cstddef>

// Operands, registers, locals and globals.
namespace wzrun::baseline {

using runtime::InstanceContext;
using wasm::Opcode;

void Translator::take(const Operand& operand) {
  switch (operand.kind) {
    case Kind::gpr:
      gpr_owners_[operand.reg] = kTaken;
      break;
    case Kind::xmm:
      xmm_owners_[operand.reg] = kTaken;
      break;
    case Kind::local:
      --references_[operand.index].count;
      break;
    default:
      break;
  }
}

void Translator::release(const Operand& operand) {
  if (operand.is(Kind::gpr))
    used_gprs_.remove(operand.reg);
  else if (operand.is(Kind::xmm))
    used_xmms_.remove(operand.reg);
}

Address Translator::place_of(const Operand& operand) const {
  if (operand.is(Kind::slot))
    return layout_->operand(operand.index);
  return {Gpr::rbp, {}, layout_->locals[operand.index].place};
}

bool Translator::is_in(const Operand& operand, Gpr reg) const {
  if (operand.is(Kind::gpr))
    return operand.gpr() == reg;
  if (!operand.is(Kind::local))
    return false;
  const auto& home = layout_->locals[operand.index];
  return home.in_register && !is_in_xmm(home.type) && home.gpr() == reg;
}

bool Translator::is_in(const Operand& operand, Xmm reg) const {
  if (operand.is(Kind::xmm))
    return operand.xmm() == reg;
  if (!operand.is(Kind::local))
    return false;
  const auto& home = layout_->locals[operand.index];
  return home.in_register && is_in_xmm(home.type) && home.xmm() == reg;
}

void Translator::load_into(Gpr reg, const Operand& operand, Width width) {
  if (is_in(operand, reg))
    return;
  switch (operand.kind) {
    case Kind::constant:
      return a_.move_constant(reg, operand.value);
    case Kind::gpr:
      return a_.move(width, reg, operand.gpr());
    case Kind::flags:
      a_.set(operand.condition(), reg);
      return a_.zero_extend_byte(reg, reg);
    case Kind::local:
      if (const auto& home = layout_->locals[operand.index]; home.in_register)
        return a_.move(width, reg, home.gpr());
      [[fallthrough]];
    default:
      return a_.load(width, reg, place_of(operand));
  }
}

void Translator::load_float_constant(Xmm reg, bool is_64, std::uint64_t bits) {
  if (bits == 0) {
    a_.emit({0, 1, 0x57}, Width::w32, number(reg), reg);  // xorps
    return;
  }
  a_.move_constant(kScratch, bits);
  a_.move_bits(width_of(is_64), reg, kScratch);
}

void Translator::load_into(Xmm reg, const Operand& operand, XmmWidth width) {
  if (is_in(operand, reg))
    return;
  switch (operand.kind) {
    case Kind::constant:
      return load_float_constant(reg, width == XmmWidth::w64, operand.value);
    case Kind::xmm:
      return a_.move(reg, operand.xmm());
    case Kind::local:
      if (const auto& home = layout_->locals[operand.index]; home.in_register)
        return a_.move(reg, home.xmm());
      [[fallthrough]];
    default:
      return a_.load(width, reg, place_of(operand));
  }
}

Gpr Translator::gpr(Operand& operand, Width width) {
  if (operand.is(Kind::gpr))
    return operand.gpr();
  if (operand.is(Kind::local))
    if (const auto& home = layout_->locals[operand.index]; home.in_register)
      return home.gpr();
  return own(operand, width);
}

Gpr Translator::own(Operand& operand, Width width) {
  if (operand.is(Kind::gpr))
    return operand.gpr();
  const auto reg = allocate_gpr();
  load_into(reg, operand, width);
  operand = Operand::in(reg);
  return reg;
}

Xmm Translator::xmm(Operand& operand, XmmWidth width) {
  if (operand.is(Kind::xmm))
    return operand.xmm();
  if (operand.is(Kind::local))
    if (const auto& home = layout_->locals[operand.index]; home.in_register)
      return home.xmm();
  return own_xmm(operand, width);
}

Xmm Translator::own_xmm(Operand& operand, XmmWidth width) {
  if (operand.is(Kind::xmm))
    return operand.xmm();
  const auto reg = allocate_xmm();
  load_into(reg, operand, width);
  operand = Operand::in(reg);
  return reg;
}

Place Translator::place(Operand& operand, Width width) {
  if (operand.is(Kind::slot) || (operand.is(Kind::local) && !layout_->locals[operand.index].in_register))
    return place_of(operand);
  return gpr(operand, width);
}

Place Translator::xmm_place(Operand& operand, XmmWidth width) {
  if (operand.is(Kind::slot) || (operand.is(Kind::local) && !layout_->locals[operand.index].in_register))
    return place_of(operand);
  return xmm(operand, width);
}

void Translator::store_in_frame(const Address& place, const Operand& operand, ValueType type) {
  if (is_in_xmm(type)) {
    const auto width = xmm_width(type);
    if (operand.is(Kind::xmm))
      return a_.store(width, place, operand.xmm());
    if (operand.is(Kind::local) && layout_->locals[operand.index].in_register)
      return a_.store(width, place, layout_->locals[operand.index].xmm());
    if (!operand.is(Kind::constant)) {
      a_.load(width, kScratchXmm, place_of(operand));
      return a_.store(width, place, kScratchXmm);
    }
  }
  if (operand.is(Kind::constant) && operand.value <= 0x7fffffff)
    return a_.store_constant(Width::w64, place, static_cast<std::int32_t>(operand.value));
  if (operand.is(Kind::gpr))
    return a_.store(Width::w64, place, operand.gpr());
  if (operand.is(Kind::local) && layout_->locals[operand.index].in_register)
    return a_.store(Width::w64, place, layout_->locals[operand.index].gpr());
  load_into(kScratch, operand, Width::w64);
  a_.store(Width::w64, place, kScratch);
}

// Registers.

void Translator::spill_gpr(unsigned reg) {
  const auto height = gpr_owners_[reg];
  a_.store(Width::w64, layout_->operand(height), static_cast<Gpr>(reg));
  (*stack_)[height].operand = Operand::slot(height);
  used_gprs_.remove(reg);
}

void Translator::spill_xmm(unsigned reg) {
  const auto height = xmm_owners_[reg];
  auto& [type, operand] = (*stack_)[height];
  a_.store(xmm_width(type), layout_->operand(height), static_cast<Xmm>(reg));
  operand = Operand::slot(height);
  used_xmms_.remove(reg);
}

namespace {

/// Of the registers in use, that of the lowest operand on the stack: it is needed last.
unsigned lowest_owned(RegisterSet used, const std::array<std::uint32_t, 16>& owners) {
  unsigned best = 0;
  std::uint32_t height = 0xffffffff;
  for (auto bits = used.bits(); bits != 0; bits &= bits - 1) {
    const auto reg = static_cast<unsigned>(std::countr_zero(bits));
    if (owners[reg] < height) {
      height = owners[reg];
      best = reg;
    }
  }
  return best;
}

}  // namespace

Gpr Translator::allocate_gpr() {
  auto available = layout_->free_gprs.bits() & ~used_gprs_.bits();
  if (available == 0) {
    spill_gpr(lowest_owned(used_gprs_, gpr_owners_));
    available = layout_->free_gprs.bits() & ~used_gprs_.bits();
  }
  const auto reg = static_cast<unsigned>(std::countr_zero(available));
  used_gprs_.add(reg);
  gpr_owners_[reg] = kTaken;
  return static_cast<Gpr>(reg);
}

Xmm Translator::allocate_xmm() {
  auto available = layout_->free_xmms.bits() & ~used_xmms_.bits();
  if (available == 0) {
    spill_xmm(lowest_owned(used_xmms_, xmm_owners_));
    available = layout_->free_xmms.bits() & ~used_xmms_.bits();
  }
  const auto reg = static_cast<unsigned>(std::countr_zero(available));
  used_xmms_.add(reg);
  xmm_owners_[reg] = kTaken;
  return static_cast<Xmm>(reg);
}

void Translator::clear_gpr(Gpr reg) {
  if (used_gprs_.contains(number(reg)) && gpr_owners_[number(reg)] != kTaken)
    spill_gpr(number(reg));
}

const LocalHome* Translator::wanted_home(std::size_t length) const {
  const auto at = offset_ - body_offset_ + length;
  if (at + 2 >= body_.size())
    return nullptr;
  constexpr std::uint8_t kLocalSet = wasm::code_of(Opcode::local_set);
  constexpr std::uint8_t kLocalTee = wasm::code_of(Opcode::local_tee);
  if (body_[at] != kLocalSet && body_[at] != kLocalTee)
    return nullptr;
  std::uint32_t index = body_[at + 1];
  if (index >= 0x80) {
    if (body_[at + 2] >= 0x80)
      return nullptr;
    index = (index & 0x7f) | static_cast<std::uint32_t>(body_[at + 2]) << 7;
  }
  if (index >= layout_->locals.size() || !layout_->locals[index].in_register || references(index) > 0)
    return nullptr;
  return &layout_->locals[index];
}

std::optional<Gpr> Translator::wanted_gpr(std::size_t length) const {
  const auto* const home = wanted_home(length);
  return home != nullptr && !is_in_xmm(home->type) ? std::optional(home->gpr()) : std::nullopt;
}

std::optional<Xmm> Translator::wanted_xmm(std::size_t length) const {
  const auto* const home = wanted_home(length);
  return home != nullptr && is_in_xmm(home->type) ? std::optional(home->xmm()) : std::nullopt;
}

Gpr Translator::destination(std::size_t length, Operand* reusable, std::initializer_list<const Operand*> read_later) {
  if (const auto wanted = wanted_gpr(length)) {
    bool is_free = true;
    for (const auto* const operand : read_later)
      is_free = is_free && !is_in(*operand, *wanted);
    if (is_free)
      return *wanted;
  }
  if (reusable != nullptr && reusable->is(Kind::gpr) && layout_->free_gprs.contains(reusable->reg))
    return reusable->gpr();
  return allocate_gpr();
}

Xmm Translator::destination_xmm(std::size_t length, Operand* reusable,
                                std::initializer_list<const Operand*> read_later) {
  if (const auto wanted = wanted_xmm(length)) {
    bool is_free = true;
    for (const auto* const operand : read_later)
      is_free = is_free && !is_in(*operand, *wanted);
    if (is_free)
      return *wanted;
  }
  if (reusable != nullptr && reusable->is(Kind::xmm) && layout_->free_xmms.contains(reusable->reg))
    return reusable->xmm();
  return allocate_xmm();
}

Operand Translator::result(Gpr reg) {
  const auto height = static_cast<std::uint32_t>(stack_->size());
  if (layout_->free_gprs.contains(number(reg))) {
    used_gprs_.add(number(reg));
    gpr_owners_[number(reg)] = height;
  }
  flushed_ = std::min<std::size_t>(flushed_, height);
  return Operand::in(reg);
}

Operand Translator::result(Xmm reg) {
  const auto height = static_cast<std::uint32_t>(stack_->size());
  if (layout_->free_xmms.contains(number(reg))) {
    used_xmms_.add(number(reg));
    xmm_owners_[number(reg)] = height;
  }
  flushed_ = std::min<std::size_t>(flushed_, height);
  return Operand::in(reg);
}

Operand Translator::pushed_again(const Operand& operand) {
  switch (operand.kind) {
    case Kind::gpr:
      return result(operand.gpr());
    case Kind::xmm:
      return result(operand.xmm());
    case Kind::local:
      add_reference(operand.index);
      return operand;
    default:
      return operand;
  }
}

void Translator::add_reference(std::uint32_t local) {
  auto& references = references_[local];
  if (references.epoch != epoch_)
    references = {epoch_, 0};
  ++references.count;
  flushed_ = std::min(flushed_, stack_->size());
}

void Translator::settle(std::uint32_t local) {
  for (auto height = stack_->size(); references(local) > 0;) {
    auto& [type, operand] = (*stack_)[--height];
    if (!operand.is(Kind::local) || operand.index != local)
      continue;
    --references_[local].count;
    if (is_in_xmm(type)) {
      const auto reg = allocate_xmm();
      load_into(reg, operand, xmm_width(type));
      xmm_owners_[number(reg)] = static_cast<std::uint32_t>(height);
      operand = Operand::in(reg);
    } else {
      const auto reg = allocate_gpr();
      load_into(reg, operand, Width::w64);
      gpr_owners_[number(reg)] = static_cast<std::uint32_t>(height);
      operand = Operand::in(reg);
    }
  }
}

void Translator::flush(std::size_t parameters) {
  const auto put = [this](std::size_t height) {
    auto& [type, operand] = (*stack_)[height];
    store_in_frame(layout_->operand(height), operand, type);
    operand = Operand::slot(height);
  };
  for (auto height = flushed_; height < stack_->size(); ++height)
    if (const auto& operand = (*stack_)[height].operand; !operand.is(Kind::constant) && !operand.is(Kind::slot))
      put(height);
  for (auto height = stack_->size() - parameters; height < stack_->size(); ++height)
    if ((*stack_)[height].operand.is(Kind::constant))
      put(height);
  forget(stack_->size());
}

void Translator::forget(std::size_t height) {
  used_gprs_.clear();
  used_xmms_.clear();
  ++epoch_;
  flushed_ = height;
}

// Locals and globals.

Operand Translator::local_get(std::uint32_t index) {
  add_reference(index);
  return {.kind = Kind::local, .index = index};
}

void Translator::local_set(std::uint32_t index, Operand value) {
  take(value);
  settle(index);
  const auto& home = layout_->locals[index];
  if (!home.in_register)
    store_in_frame({Gpr::rbp, {}, home.place}, value, home.type);
  else if (is_in_xmm(home.type))
    load_into(home.xmm(), value, xmm_width(home.type));
  else
    load_into(home.gpr(), value, width_of(home.type));
  release(value);
}

Operand Translator::local_tee(std::uint32_t index, Operand value) {
  local_set(index, value);
  // A constant stays one: the interpreter, whose frames are taken over at loops, sees it so too.
  return value.is(Kind::constant) ? pushed_again(value) : local_get(index);
}

Address Translator::global_cell(std::uint32_t index) {
  a_.load(Width::w64, kScratch, FrameLayout::instance());
  if (index >= wasm_.imported_globals)
    return {kScratch,
            {},
            static_cast<std::int32_t>(sizeof(runtime::Instance) + std::size_t{index - wasm_.imported_globals} * 16)};
  a_.load(Width::w64, kScratch, {kScratch, {}, offsetof(InstanceContext, globals)});
  a_.load(
      Width::w64, kScratch,
      {kScratch,
       {},
       static_cast<std::int32_t>(index * sizeof(runtime::GlobalInstance) + offsetof(runtime::GlobalInstance, cell))});
  return {kScratch, {}, 0};
}

Operand Translator::global_get(std::uint32_t index) {
  const auto type = wasm_.globals[index].type.value;
  const auto cell = global_cell(index);
  const auto length = index < 0x80 ? 2U : index < 0x4000 ? 3U : index < 0x200000 ? 4U : 5U;
  if (is_in_xmm(type)) {
    const auto reg = destination_xmm(length, nullptr, {});
    a_.load(xmm_width(type), reg, cell);
    return result(reg);
  }
  const auto reg = destination(length, nullptr, {});
  a_.load(width_of(type), reg, cell);
  return result(reg);
}

void Translator::global_set(std::uint32_t index, Operand value) {
  take(value);
  const auto type = wasm_.globals[index].type.value;
  if (is_in_xmm(type)) {
    const auto from = xmm(value, xmm_width(type));
    auto cell = global_cell(index);
    a_.store(xmm_width(type), cell, from);
    if (!is_64(type)) {
      cell.displacement += 4;
      a_.store_constant(Width::w32, cell, 0);
    }
  } else if (value.is(Kind::constant) && value.value <= 0x7fffffff) {
    a_.store_constant(Width::w64, global_cell(index), static_cast<std::int32_t>(value.value));
  } else {
    const auto from = gpr(value, width_of(type));
    a_.store(Width::w64, global_cell(index), from);
  }
  release(value);
}

}  // namespace wzrun::baseline
