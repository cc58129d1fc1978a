#include "wasm/types.h"

#include "module_bytes.h"
#include "wasm/decoder.h"
#include "wasm/type_registry.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>

using namespace wzrun;
using namespace wzrun::wasm;
using namespace wzrun::wasm::test;

namespace {

const ModuleBytes kFuncType = {0x60, 0x00, 0x00};  // (func)

ModuleBytes types(std::size_t count, const ModuleBytes& content) {
  return kHeader + section(kType, vec(count, content));
}

Module decoded(const ModuleBytes& bytes) {
  auto module = decode(bytes, CoreFeatures::V3);
  REQUIRE_MESSAGE(module, module.error().to_string());
  return std::move(*module);
}

ModuleBytes rec(std::size_t count, const ModuleBytes& content) { return ModuleBytes{0x4e} + vec(count, content); }
/// (sub (struct ...)), open, with the supertype and i32 fields.
ModuleBytes open_struct(std::initializer_list<std::uint32_t> supers, std::size_t fields) {
  ModuleBytes out = {0x50};
  out += leb(supers.size());
  for (const auto super : supers)
    out += leb(super);
  return out + ModuleBytes{0x5f} + vec(fields, repeat(fields, {0x7f, 0x00}));
}

/// A heap type is a signed number.
ModuleBytes heap(std::uint32_t index) {
  ModuleBytes out = leb(index);
  if ((out.back() & 0x40) != 0) {
    out.back() |= 0x80;
    out.push_back(0);
  }
  return out;
}

const ValueType kAnyRef = ValueType::reference(true, AbstractHeap::any);

ValueType ref(std::uint32_t index) { return ValueType::reference(false, HeapType::defined(index)); }

}  // namespace

TEST_CASE("types: equal function types are one, whatever their position") {
  // (func) (func (param i32)) (func) (func (param i32))
  const auto bytes =
      types(4, kFuncType + ModuleBytes{0x60, 0x01, 0x7f, 0x00} + kFuncType + ModuleBytes{0x60, 0x01, 0x7f, 0x00});
  const auto module = decoded(bytes);
  CHECK(module.types[2].canonical == 0);
  CHECK(module.types[3].canonical == 1);
}

TEST_CASE("types: references to equal types are equal") {
  // (func) (func) (func (param (ref 0))) (func (param (ref 1)))
  const auto bytes = types(
      4, kFuncType + kFuncType + ModuleBytes{0x60, 0x01, 0x64, 0x00, 0x00} + ModuleBytes{0x60, 0x01, 0x64, 0x01, 0x00});
  const auto module = decoded(bytes);
  CHECK(module.types[3].canonical == 2);
  CHECK(module.types[3].function.params[0] == ref(0));
}

TEST_CASE("types: a recursion group is compared as a whole") {
  // A type that refers to itself, alone, twice; and as the first of a group of two.
  const ModuleBytes self_0 = {0x5f, 0x01, 0x63, 0x00, 0x00};  // (struct (field (ref null 0)))
  const ModuleBytes self_1 = {0x5f, 0x01, 0x63, 0x01, 0x00};
  const ModuleBytes self_2 = {0x5f, 0x01, 0x63, 0x02, 0x00};
  const auto bytes = types(3, self_0 + self_1 + rec(2, self_2 + kFuncType));
  const auto module = decoded(bytes);
  CHECK(module.types[1].canonical == 0);
  CHECK(module.types[2].canonical == 2);
}

TEST_CASE("types: a reference out of the group differs from one into it") {
  const ModuleBytes to_0 = {0x5f, 0x01, 0x63, 0x00, 0x00};
  const auto module = decoded(types(2, to_0 + to_0));
  CHECK(module.types[1].canonical == 1);
}

TEST_CASE("types: finality and supertypes are part of a type") {
  const ModuleBytes closed = {0x5f, 0x00};
  const auto module = decoded(types(4, closed + open_struct({}, 0) + open_struct({1}, 0) + open_struct({}, 0)));
  CHECK(module.types[1].canonical == 1);
  CHECK(module.types[2].canonical == 2);
  CHECK(module.types[3].canonical == 1);
}

TEST_CASE("types: declared subtypes match, along the whole chain") {
  const auto module = decoded(types(3, open_struct({}, 0) + open_struct({0}, 1) + open_struct({1}, 2)));
  CHECK(module.types[2].depth == 2);
  CHECK(matches(module, ref(2), ref(0)));
  CHECK(matches(module, ref(2), ref(1)));
  CHECK_FALSE(matches(module, ref(0), ref(2)));
  CHECK(matches(module, ref(2), kAnyRef));
  CHECK(matches(module, ref(2), ValueType::reference(false, AbstractHeap::struct_)));
  CHECK_FALSE(matches(module, ref(2), ValueType::reference(true, AbstractHeap::array)));
  CHECK(matches(module, ValueType::reference(true, AbstractHeap::none),
                ValueType::reference(true, HeapType::defined(1))));
  CHECK_FALSE(matches(module, ValueType::reference(true, AbstractHeap::none), ref(1)));
}

TEST_CASE("types: the hierarchies of abstract types do not touch") {
  const Module module;
  const AbstractHeap tops[] = {AbstractHeap::any, AbstractHeap::func, AbstractHeap::extern_, AbstractHeap::exn};
  const AbstractHeap bottoms[] = {AbstractHeap::none, AbstractHeap::nofunc, AbstractHeap::noextern,
                                  AbstractHeap::noexn};
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j)
      CHECK(matches(module, HeapType(bottoms[i]), HeapType(tops[j])) == (i == j));
  CHECK(matches(module, HeapType(AbstractHeap::i31), HeapType(AbstractHeap::eq)));
  CHECK_FALSE(matches(module, HeapType(AbstractHeap::any), HeapType(AbstractHeap::eq)));
}

TEST_CASE("types: a subtype must match its supertype, which must be open") {
  const auto message = [](const ModuleBytes& bytes) {
    const auto module = decode(bytes, CoreFeatures::V3);
    REQUIRE_FALSE(module);
    CHECK(module.error().kind == ErrorKind::invalid);
    return module.error().message;
  };
  CHECK(message(types(2, open_struct({}, 1) + open_struct({0}, 0))) ==
        "type section: sub type 1 does not match super type 0");
  const ModuleBytes closed = {0x5f, 0x00};
  CHECK(message(types(2, closed + open_struct({0}, 0))) ==
        "type section: sub type 1 does not match super type 0, which is final");
  CHECK(message(types(1, open_struct({0}, 0))) ==
        "type section: type 0: unknown type 0: a supertype stands before its subtypes");
  CHECK(message(types(1, {0x60, 0x01, 0x64, 0x01, 0x00})) == "type section: type 0: unknown type 1");
}

TEST_CASE("types: 10^5 types in chains as deep as allowed are quick to check") {
  ModuleBytes content;
  constexpr std::uint32_t kCount = 100'000;
  for (std::uint32_t i = 0; i < kCount; ++i)  // each chain has its own length of structures, so that all types differ
    content += i % 64 == 0 ? open_struct({}, i / 64) : open_struct({i - 1}, i / 64);
  const auto module = decoded(types(kCount, content));
  CHECK(module.types[63].depth == 63);
  CHECK(matches(module, ref(kCount - 1), ref((kCount - 1) / 64 * 64)));
}

TEST_CASE("types: a chain longer than the limit is refused") {
  ModuleBytes content = open_struct({}, 0);
  for (std::uint32_t i = 1; i <= 64; ++i)
    content += open_struct({i - 1}, 0);
  const auto module = decode(types(65, content), CoreFeatures::V3);
  REQUIRE_FALSE(module);
  CHECK(module.error().kind == ErrorKind::unsupported);
}

TEST_CASE("types: 10^6 equal types are one, and one more is too many") {
  const auto module = decoded(types(1'000'000, repeat(1'000'000, kFuncType)));
  CHECK(module.types.back().canonical == 0);
  const auto refused = decode(types(1'000'001, repeat(1'000'001, kFuncType)), CoreFeatures::V3);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::unsupported);
}

TEST_CASE("types: one recursion group of 10^5 types, twice, is one") {
  ModuleBytes first;
  ModuleBytes second;
  constexpr std::uint32_t kCount = 100'000;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    first += ModuleBytes{0x5f, 0x01, 0x63} + heap((i + 1) % kCount) + ModuleBytes{0x00};
    second += ModuleBytes{0x5f, 0x01, 0x63} + heap(kCount + (i + 1) % kCount) + ModuleBytes{0x00};
  }
  const auto module = decoded(types(2, rec(kCount, first) + rec(kCount, second)));
  CHECK(module.types[kCount].canonical == 0);
  CHECK(module.types[2 * kCount - 1].canonical == kCount - 1);
}

TEST_CASE("registry: equal types of different modules have the same id") {
  const ModuleBytes with_param = {0x60, 0x01, 0x64, 0x00, 0x00};
  const ModuleBytes with_param_1 = {0x60, 0x01, 0x64, 0x01, 0x00};
  const auto a = decoded(types(2, kFuncType + with_param));
  const auto b = decoded(types(3, open_struct({}, 0) + kFuncType + with_param_1));
  TypeRegistry registry;
  const auto ids_a = *registry.intern(a);
  const auto ids_b = *registry.intern(b);
  CHECK(ids_a[0] == ids_b[1]);
  CHECK(ids_a[1] == ids_b[2]);
  CHECK(ids_b[0] != ids_a[0]);
  CHECK(*registry.intern(a) == ids_a);
  CHECK(registry.type(ids_b[2]).function.params[0] == TypeRegistry::translate(ref(1), ids_b));
}

TEST_CASE("registry: subtypes are found across modules") {
  const auto a = decoded(types(2, open_struct({}, 0) + open_struct({0}, 1)));
  const auto b = decoded(types(3, open_struct({}, 0) + open_struct({0}, 1) + open_struct({1}, 2)));
  TypeRegistry registry;
  const auto ids_a = *registry.intern(a);
  const auto ids_b = *registry.intern(b);
  CHECK(registry.is_subtype(ids_b[2], ids_a[0]));
  CHECK(registry.is_subtype(ids_b[2], ids_a[1]));
  CHECK(registry.is_subtype(ids_a[1], ids_a[1]));
  CHECK_FALSE(registry.is_subtype(ids_a[0], ids_b[2]));
  CHECK(registry.matches(TypeRegistry::translate(ref(2), ids_b), TypeRegistry::translate(ref(0), ids_a)));
  CHECK(registry.matches(TypeRegistry::translate(ref(2), ids_b), kAnyRef));
  CHECK_FALSE(registry.matches(kAnyRef, TypeRegistry::translate(ref(0), ids_a)));
}

TEST_CASE("registry: threads that intern at once agree") {
  ModuleBytes content;
  for (std::uint32_t i = 0; i < 500; ++i)
    content += open_struct({}, i);
  const auto module = decoded(types(500, content));
  TypeRegistry registry;
  std::vector<std::vector<std::uint32_t>> ids(4);
  {
    std::vector<std::jthread> threads;
    threads.reserve(ids.size());
    for (auto& own : ids)
      threads.emplace_back([&] {
        own = *registry.intern(module);
        for (std::size_t i = 1; i < own.size(); ++i)
          if (registry.is_subtype(own[i], own[i - 1]))
            own.clear();
      });
  }
  for (const auto& own : ids)
    CHECK(own == ids[0]);
  CHECK(ids[0].size() == 500);
}

TEST_CASE("types: they print as in the text format") {
  CHECK(to_string(value_types::funcref) == "funcref");
  CHECK(to_string(ValueType::reference(false, AbstractHeap::struct_)) == "(ref struct)");
  CHECK(to_string(ValueType::reference(true, AbstractHeap::none)) == "nullref");
  CHECK(to_string(ValueType::reference(true, HeapType::defined(3))) == "(ref null 3)");
  const ValueType params[] = {value_types::i32, value_types::v128};
  CHECK(to_string(FunctionType{params, {}}) == "(func (param i32 v128))");
}
