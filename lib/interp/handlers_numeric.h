#pragma once

#include "interp/bodies.h"

/// Handlers of numeric instructions and the tables that list them. Only for lib/interp/handlers_*.cpp, which share
/// the rows of opcodes.def among them so that they compile side by side.
namespace wzrun::interp {

template <wasm::Opcode opcode, From a, To to>
WZRUN_HANDLER void unary_trapping(WZRUN_STATE) {
  using S = Semantics<opcode>;
  using A = S::First;
  constexpr int kDst = kHead + kOperandBytes<A, a>;
  const auto result = S::apply(fetch<A, a, kHead>(pc, fp, acc, vacc));
  if (!result) [[unlikely]] {
    ex->trap_kind = result.error();
    WZRUN_TAIL raise_scratch(WZRUN_STATE_VALUES);
  }
  put<typename S::Result, to, kDst>(pc, fp, acc, vacc, *result);
  WZRUN_NEXT(kDst + (to == To::slot ? 4 : 0));
}

template <wasm::Opcode opcode, From a, From b, To to>
WZRUN_HANDLER void binary_trapping(WZRUN_STATE) {
  using S = Semantics<opcode>;
  using A = S::First;
  using B = S::Second;
  constexpr int kB = kHead + kOperandBytes<A, a>;
  constexpr int kDst = kB + kOperandBytes<B, b>;
  const auto result = S::apply(fetch<A, a, kHead>(pc, fp, acc, vacc), fetch<B, b, kB>(pc, fp, acc, vacc));
  if (!result) [[unlikely]] {
    ex->trap_kind = result.error();
    WZRUN_TAIL raise_scratch(WZRUN_STATE_VALUES);
  }
  put<typename S::Result, to, kDst>(pc, fp, acc, vacc, *result);
  WZRUN_NEXT(kDst + (to == To::slot ? 4 : 0));
}

template <wasm::Opcode opcode, From a, To to>
consteval Handler unary() {
  if constexpr (Trapping<Semantics<opcode>, typename Semantics<opcode>::First>)
    return unary_trapping<opcode, a, to>;
  else
    return step<UnaryBody<opcode, a, to>>;
}

template <wasm::Opcode opcode, From a, From b, To to>
consteval Handler binary() {
  using S = Semantics<opcode>;
  if constexpr (Trapping<S, typename S::First, typename S::Second>)
    return binary_trapping<opcode, a, b, to>;
  else
    return step<BinaryBody<opcode, a, b, to>>;
}

template <wasm::Opcode opcode>
UnaryVariants unary_variants() {
  UnaryVariants table{};
  if constexpr (Semantics<opcode>::arity == 1) {
    table[unary_variant(From::slot, To::accumulator)] = address_of<unary<opcode, From::slot, To::accumulator>()>();
    table[unary_variant(From::slot, To::slot)] = address_of<unary<opcode, From::slot, To::slot>()>();
    table[unary_variant(From::accumulator, To::accumulator)] =
        address_of<unary<opcode, From::accumulator, To::accumulator>()>();
    table[unary_variant(From::accumulator, To::slot)] = address_of<unary<opcode, From::accumulator, To::slot>()>();
  }
  return table;
}

template <wasm::Opcode opcode, From a, From b>
void add_binary(BinaryVariants& table) {
  table[binary_variant(a, b, To::accumulator)] = address_of<binary<opcode, a, b, To::accumulator>()>();
  table[binary_variant(a, b, To::slot)] = address_of<binary<opcode, a, b, To::slot>()>();
}

template <wasm::Opcode opcode>
BinaryVariants binary_variants() {
  BinaryVariants table{};
  using S = Semantics<opcode>;
  if constexpr (S::arity == 2) {
    add_binary<opcode, From::slot, From::slot>(table);
    add_binary<opcode, From::accumulator, From::slot>(table);
    if constexpr (kInVector<typename S::First> == kInVector<typename S::Second>)
      add_binary<opcode, From::slot, From::accumulator>(table);
    if constexpr (!std::same_as<typename S::Second, V128>) {
      add_binary<opcode, From::slot, From::immediate>(table);
      add_binary<opcode, From::accumulator, From::immediate>(table);
    }
    if constexpr (!std::same_as<typename S::First, V128> && !std::same_as<typename S::Second, V128>) {
      add_binary<opcode, From::immediate, From::slot>(table);
      add_binary<opcode, From::immediate, From::accumulator>(table);
    }
  }
  return table;
}

/// The variants of an opcode, or null where `included` says that another file has them.
template <wasm::Opcode opcode, bool included>
const UnaryVariants* unary_table() {
  if constexpr (included && Semantics<opcode>::arity == 1) {
    static const auto table = unary_variants<opcode>();
    return &table;
  } else {
    return nullptr;
  }
}

template <wasm::Opcode opcode, bool included>
const BinaryVariants* binary_table() {
  if constexpr (included && Semantics<opcode>::arity == 2) {
    static const auto table = binary_variants<opcode>();
    return &table;
  } else {
    return nullptr;
  }
}

const UnaryVariants* scalar_unary(wasm::Opcode opcode);
const UnaryVariants* vector_unary(wasm::Opcode opcode);
const BinaryVariants* i32_binary(wasm::Opcode opcode);
const BinaryVariants* wide_binary(wasm::Opcode opcode);
const BinaryVariants* vector_binary(wasm::Opcode opcode);

}  // namespace wzrun::interp
