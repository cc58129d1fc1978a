#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wzrun {

/// A proposal that can be switched on and off.
enum class Feature : std::uint8_t {
#define WZRUN_FEATURE(name, text, release) name,
#include "wzrun/features.def"
#undef WZRUN_FEATURE
};

/// The standard name, such as `bulk-memory-operations`.
std::string_view to_string(Feature feature);
/// The feature with this standard name, if there is one.
std::optional<Feature> feature_by_name(std::string_view name);

/// An immutable set of features.
class CoreFeatures {
 public:
  constexpr CoreFeatures() = default;
  /// The features of a release of the core specification: 1, 2 or 3.
  static constexpr CoreFeatures release(int number) {
    CoreFeatures set;
#define WZRUN_FEATURE(name, text, since) \
  if ((since) != 0 && (since) <= number) \
    set = set.with(Feature::name);
#include "wzrun/features.def"
#undef WZRUN_FEATURE
    return set;
  }
  static const CoreFeatures V1, V2, V3;
  /// V3, threads and the legacy exception instructions: everything that can be decoded.
  static const CoreFeatures all;

  constexpr CoreFeatures with(Feature feature, bool enabled = true) const {
    CoreFeatures set = *this;
    set.bits_ = enabled ? bits_ | bit(feature) : bits_ & ~bit(feature);
    return set;
  }
  /// The set as a number, one bit for each feature, and back.
  constexpr std::uint32_t bits() const { return bits_; }
  static constexpr CoreFeatures from_bits(std::uint32_t bits) {
    CoreFeatures set;
    set.bits_ = bits;
    return set;
  }

  constexpr bool contains(Feature feature) const { return (bits_ & bit(feature)) != 0; }
  friend constexpr bool operator==(CoreFeatures, CoreFeatures) = default;

  /// The names joined by commas.
  std::string to_string() const;

 private:
  static constexpr std::uint32_t bit(Feature feature) { return std::uint32_t{1} << static_cast<unsigned>(feature); }
  std::uint32_t bits_ = 0;
};

inline constexpr CoreFeatures CoreFeatures::V1 = CoreFeatures::release(1);
inline constexpr CoreFeatures CoreFeatures::V2 = CoreFeatures::release(2);
inline constexpr CoreFeatures CoreFeatures::V3 = CoreFeatures::release(3);
inline constexpr CoreFeatures CoreFeatures::all =
    CoreFeatures::V3.with(Feature::threads).with(Feature::legacy_exceptions);

}  // namespace wzrun
