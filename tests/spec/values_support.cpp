#include "spec/values_support.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

namespace wzrun::spec {
namespace {

using nlohmann::json;

const std::map<std::string, ValueType, std::less<>> kTypes = {
    {"i32", value_types::i32},
    {"i64", value_types::i64},
    {"f32", value_types::f32},
    {"f64", value_types::f64},
    {"v128", value_types::v128},
    {"funcref", value_types::funcref},
    {"externref", value_types::externref},
    {"exnref", value_types::exnref},
    {"anyref", ValueType::reference(true, AbstractHeap::any)},
    {"eqref", ValueType::reference(true, AbstractHeap::eq)},
    {"i31ref", ValueType::reference(true, AbstractHeap::i31)},
    {"structref", ValueType::reference(true, AbstractHeap::struct_)},
    {"arrayref", ValueType::reference(true, AbstractHeap::array)},
    {"nullref", ValueType::reference(true, AbstractHeap::none)},
    {"nullfuncref", ValueType::reference(true, AbstractHeap::nofunc)},
    {"nullexternref", ValueType::reference(true, AbstractHeap::noextern)},
    {"nullexnref", ValueType::reference(true, AbstractHeap::noexn)},
};

std::uint64_t bits_of(const json& text) { return std::stoull(text.get<std::string>()); }

/// Host reference number n is the reference with the bits n + 1, as 0 is null.
std::uint64_t reference_bits(const json& text) { return text == "null" ? 0 : bits_of(text) + 1; }

unsigned lane_bits(std::string_view lane_type) {
  return static_cast<unsigned>(std::stoul(std::string(lane_type.substr(1))));
}

std::uint64_t lane_mask(unsigned bits) { return bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1; }

std::uint64_t lane(const Value& vector, unsigned bits, std::size_t index) {
  const auto at = index * bits;
  return (at < 64 ? vector.low() >> at : vector.high() >> (at - 64)) & lane_mask(bits);
}

Value read_vector(const json& value) {
  const auto bits = lane_bits(value["lane_type"].get<std::string>());
  std::uint64_t halves[2] = {};
  std::size_t at = 0;
  for (const auto& text : value["value"]) {
    halves[at / 64] |= bits_of(text) << (at % 64);
    at += bits;
  }
  return {value_types::v128, halves[0], halves[1]};
}

/// `expected` is a bit pattern or the name of a set of NaNs; `type` is one letter and the number of bits.
bool number_matches(std::uint64_t bits, const json& expected, std::string_view type) {
  const auto text = expected.get<std::string>();
  const auto exponent_and_quiet = type == "f32" ? 0x7fc00000U : 0x7ff8000000000000U;
  const auto all_but_sign = lane_mask(lane_bits(type)) >> 1;
  if (text == "nan:canonical")
    return (bits & all_but_sign) == exponent_and_quiet;
  if (text == "nan:arithmetic")
    return (bits & exponent_and_quiet) == exponent_and_quiet;
  return bits == std::stoull(text);
}

bool vector_matches(const Value& value, const json& expected) {
  const auto lane_type = expected["lane_type"].get<std::string>();
  const auto bits = lane_bits(lane_type);
  for (std::size_t i = 0; i < expected["value"].size(); i++) {
    if (!number_matches(lane(value, bits, i), expected["value"][i], lane_type))
      return false;
  }
  return true;
}

bool reference_matches(const Value& value, const json& expected) {
  if (!value.type().is_reference())
    return false;
  if (expected["type"] == "refnull")
    return value.is_null();
  if (!expected.contains("value"))
    return !value.is_null();
  return value.low() == reference_bits(expected["value"]);
}

}  // namespace

std::optional<Value> read_value(const json& value) {
  const auto name = value["type"].get<std::string>();
  if (name == "v128")
    return read_vector(value);
  const auto type = kTypes.find(name);
  if (type == kTypes.end() || !value.contains("value"))
    return std::nullopt;
  if (type->second.is_reference())
    return Value(type->second, reference_bits(value["value"]));
  return Value(type->second, bits_of(value["value"]));
}

bool matches(const Value& value, const json& expected) {
  const auto name = expected["type"].get<std::string>();
  if (name == "either")
    return std::ranges::any_of(expected["values"], [&](const json& one) { return matches(value, one); });
  if (name == "v128")
    return value.type().is_vector() && vector_matches(value, expected);
  const auto type = kTypes.find(name);
  if (name == "refnull" || (type != kTypes.end() && type->second.is_reference()))
    return reference_matches(value, expected);
  return type != kTypes.end() && value.type() == type->second &&
         number_matches(value.low() & lane_mask(lane_bits(name)), expected["value"], name);
}

std::string describe(const Value& value) {
  if (value.type().is_vector())
    return fmt::format("v128 0x{:016x}{:016x}", value.high(), value.low());
  return fmt::format("{} {}", to_string(value.type()), value.low());
}

}  // namespace wzrun::spec
