#pragma once

#include <atomic>
#include <cstdint>

namespace wzrun::runtime {

/// How much may still be taken of something that is limited for all who take it together. For several threads.
class Budget {
 public:
  explicit Budget(std::uint64_t limit = 0) : left_(limit) {}

  /// False, and nothing is taken, if less is left.
  bool take(std::uint64_t amount) {
    auto left = left_.load(std::memory_order_relaxed);
    do {
      if (amount > left)
        return false;
    } while (!left_.compare_exchange_weak(left, left - amount, std::memory_order_relaxed));
    return true;
  }
  void give_back(std::uint64_t amount) { left_.fetch_add(amount, std::memory_order_relaxed); }
  std::uint64_t left() const { return left_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> left_;
};

}  // namespace wzrun::runtime
