#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace wzrun::runtime {

/// Disjoint ranges of addresses, each with an owner. Looking up takes no lock and no memory, so that a signal handler
/// can; it finds the owner of an address that is not added or removed meanwhile. For objects that last as long as the
/// process: places are used again and never freed.
template <typename Owner>
class AddressTable {
 public:
  struct Place {
    std::atomic<std::uintptr_t> begin{0};  ///< 0: free. Written last when adding, first when removing
    std::atomic<std::uintptr_t> end{0};
    std::atomic<Owner*> owner{nullptr};
  };

  constexpr AddressTable() = default;
  AddressTable(const AddressTable&) = delete;
  AddressTable& operator=(const AddressTable&) = delete;

  Place* add(const void* begin, std::size_t bytes, Owner& owner) {
    const std::scoped_lock lock(mutex_);
    Place* const place = free_place();
    const auto address = reinterpret_cast<std::uintptr_t>(begin);
    place->owner.store(&owner, std::memory_order_relaxed);
    place->end.store(address + bytes, std::memory_order_relaxed);
    place->begin.store(address, std::memory_order_release);
    return place;
  }

  void remove(Place* place) {
    const std::scoped_lock lock(mutex_);
    place->begin.store(0, std::memory_order_release);
    free_->push_back(place);
  }

  /// Null if the address is in no range.
  Owner* find(const void* at) const {
    const auto address = reinterpret_cast<std::uintptr_t>(at);
    for (const auto* chunk = first_.load(std::memory_order_acquire); chunk != nullptr; chunk = chunk->next)
      for (const Place& place : chunk->places) {
        const auto begin = place.begin.load(std::memory_order_acquire);
        if (begin == 0 || address < begin || address >= place.end.load(std::memory_order_relaxed))
          continue;
        auto* const owner = place.owner.load(std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        if (place.begin.load(std::memory_order_relaxed) == begin)
          return owner;
      }
    return nullptr;
  }

 private:
  struct Chunk {
    std::array<Place, 64> places;
    Chunk* next = nullptr;
  };

  Place* free_place() {
    if (free_ == nullptr)
      free_ = new std::vector<Place*>;
    if (free_->empty()) {
      auto* const chunk = new Chunk;
      chunk->next = first_.load(std::memory_order_relaxed);
      for (auto place = chunk->places.rbegin(); place != chunk->places.rend(); ++place)
        free_->push_back(&*place);
      first_.store(chunk, std::memory_order_release);
    }
    auto* const place = free_->back();
    free_->pop_back();
    return place;
  }

  std::atomic<Chunk*> first_{nullptr};
  std::mutex mutex_;
  std::vector<Place*>* free_ = nullptr;
};

}  // namespace wzrun::runtime
