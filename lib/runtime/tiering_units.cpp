// What a run takes over from others, and what it leaves to them.

#include "runtime/announce.h"
#include "runtime/instance.h"
#include "runtime/tiering.h"
#include "runtime/unit_store.h"

#include <algorithm>
#include <cstring>
#include <ranges>
#include <utility>

namespace wzrun::runtime {

void Tiering::adopt(const UnitFile& kept) {
  for (const auto& unit : kept.units() | std::views::reverse) {  // what replaces others comes first in the file
    ImageHeader header;
    std::memcpy(&header, kept.bytes(unit).data(), sizeof header);
    if (is_known(header.checksum))
      continue;
    const auto image = image_of(kept, unit);
    if (!image || !adopt(*image))
      continue;
    const std::scoped_lock lock(mutex_);
    report_.kept_functions += (*image)->members().size();
  }
  const std::scoped_lock lock(mutex_);
  for (const auto& function : kept.profile())
    hot_.remember(function);
}

Expected<std::shared_ptr<const Image>> Tiering::image_of(std::span<const std::uint8_t> bytes) {
  const auto expectation = code_.image_expectation(options_.target);
  return options_.audience.perf_file == PerfFile::none ? Image::in_arena(bytes, expectation, arena_)
                                                       : Image::from_bytes(bytes, expectation);
}

/// Units of many pages are mapped as they are in the file; each mapping costs as much as copying a few pages.
Expected<std::shared_ptr<const Image>> Tiering::image_of(const UnitFile& kept, const ImagePart& unit) {
  constexpr std::uint64_t kLargestCopied = 32U << 10;
  if (kept.fd() < 0 || unit.size <= kLargestCopied)
    return image_of(kept.bytes(unit));
  return options_.audience.opener()(kept.fd(), unit.offset, unit.size, code_.image_expectation(options_.target));
}

bool Tiering::is_known(const Checksum& checksum) const {
  const std::scoped_lock lock(mutex_);
  return known_.contains(checksum);
}

/// What another process has kept since this one looked.
void Tiering::adopt_newer() {
  if (options_.store == nullptr)
    return;
  if (const auto newer = options_.store->find_newer())
    adopt(*newer);
}

bool Tiering::adopt(const std::shared_ptr<const Image>& unit) {
  if (unit->is_guarded() != options_.guarded || unit->members().empty())
    return false;
  {
    const std::scoped_lock lock(mutex_);
    if (!known_.insert(unit->header().checksum).second)
      return true;
  }
  const auto imported = code_.module.imported_functions;
  const auto defined = code_.module.defined_functions();
  code_.attach_unit(unit);
  // What a profiler or debugger is not told of runs all the same.
  auto shown = announce(code_, *unit, options_.audience);
  {
    const std::scoped_lock lock(mutex_);
    if (shown && *shown != nullptr)
      shown_.push_back(*std::move(shown));
    for (const auto member : unit->members()) {
      if (member >= defined)
        continue;
      hot_.has_code(imported + member, unit->opt_level());
      if (unit->function(member) == nullptr)
        hot_.give_up(imported + member);
    }
    for (const auto& loop : unit->loops()) {
      auto* const entry = unit->loop_entry(loop);
      if (entry == nullptr || loop.function >= defined)
        continue;
      auto& entered = loops_[{imported + loop.function, loop.loop}];
      if (entered.entry == nullptr || entered.opt_level < unit->opt_level())
        entered = {entry, unit->opt_level()};
      hot_.has_loop(imported + loop.function, loop.loop, unit->opt_level());
    }
  }
  for (const auto member : unit->members())
    if (member < defined && unit->function(member) != nullptr && code_.engine_code != nullptr)
      code_.engine_code->use_compiled(imported + member);
  return true;
}

std::vector<FunctionProfile> Tiering::profile() const {
  auto profile = code_.engine_code->profile();
  code_.add_counts(profile, code_patience());
  {
    const std::scoped_lock lock(mutex_);
    hot_.add_counts(profile);
  }
  std::ranges::sort(profile, {}, &FunctionProfile::function);
  std::size_t size = 0;
  for (const auto& counted : profile) {
    if (size > 0 && profile[size - 1].function == counted.function) {
      profile[size - 1].calls += counted.calls;
      profile[size - 1].back_edges += counted.back_edges;
    } else {
      profile[size++] = counted;
    }
  }
  profile.resize(size);
  return profile;
}

void Tiering::keep() {
  if (options_.store == nullptr)
    return;
  std::vector<std::shared_ptr<const Unit>> units;
  {
    const std::scoped_lock lock(mutex_);
    units.swap(new_units_);
    units_being_kept_.insert(units_being_kept_.end(), units.begin(), units.end());
  }
  if (units.empty())
    return;
  options_.store->keep(units, profile());
  adopt_newer();
  const std::scoped_lock lock(mutex_);
  std::erase_if(units_being_kept_, [&](const auto& unit) { return std::ranges::find(units, unit) != units.end(); });
}

UnkeptCode Tiering::pack_new() const {
  if (options_.store == nullptr)
    return {};
  std::vector<std::shared_ptr<const Unit>> units;
  WorkLeft left;
  {
    const std::scoped_lock lock(mutex_);
    left.hot = compiling_ > 0 || hot_.has_left();  // what is being compiled now is lost
    left.entered = hot_.has_entered_left();
    units = units_being_kept_;
    units.insert(units.end(), new_units_.begin(), new_units_.end());
  }
  return options_.store->pack(std::move(units), profile(), left);
}

}  // namespace wzrun::runtime
