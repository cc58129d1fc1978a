#include "wasm/validator.h"

#include "wasm/function_reader.h"
#include "wasm/module_decoder.h"
#include "wasm/types.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>

namespace wzrun::wasm {

namespace {

/// Whether the expression is one i32.const, as nearly all are; decoding has checked its immediate.
bool is_i32_constant(Bytes code) {
  constexpr std::uint8_t kI32Const = 0x41;
  static_assert(code_of(Opcode::i32_const) == kI32Const);
  return code[0] == kI32Const &&
         std::ranges::find_if(code.subspan(1), [](std::uint8_t byte) { return byte < 0x80; }) == code.end() - 2;
}

/// Checks the constant expressions of everything but bodies.
class ConstantValidator {
 public:
  explicit ConstantValidator(const Module& module) : module_(module), reader_(module, sink_) {}

  Expected<void> tables() {
    for (std::size_t i = module_.imported_tables; i < module_.tables.size(); ++i) {
      const auto& table = module_.tables[i];
      if (table.init)
        WZRUN_CHECK(check(*table.init, table.type.element, module_.imported_globals, "table", i));
    }
    return {};
  }

  Expected<void> globals() {
    for (std::size_t i = module_.imported_globals; i < module_.globals.size(); ++i)
      WZRUN_CHECK(
          check(module_.globals[i].init, module_.globals[i].type.value, static_cast<std::uint32_t>(i), "global", i));
    return {};
  }

  Expected<void> elements() {
    for (std::size_t i = 0; i < module_.elements.size(); ++i)
      WZRUN_CHECK(element_segment(module_.elements[i], i));
    return {};
  }

  Expected<void> data() {
    for (std::size_t i = 0; i < module_.data.size(); ++i) {
      const auto& segment = module_.data[i];
      if (segment.mode == SegmentMode::active)
        WZRUN_CHECK(check(segment.memory_offset, module_.memories[segment.memory_index].limits.index_type(),
                          all_globals(), "data segment", i));
    }
    return {};
  }

 private:
  std::uint32_t all_globals() const { return static_cast<std::uint32_t>(module_.globals.size()); }

  Expected<void> check(const ConstantExpression& expression, ValueType type, std::uint32_t visible_globals,
                       std::string_view what, std::size_t index) {
    if (type == value_types::i32 && is_i32_constant(expression.code))
      return {};
    if (auto status = reader_.read_constant(expression, type, visible_globals); !status)
      return std::unexpected(prefixed(std::move(status).error(), fmt::format("{} {}", what, index)));
    return {};
  }

  Expected<void> element_segment(const ElementSegment& segment, std::size_t index) {
    if (segment.mode == SegmentMode::active) {
      const auto& table = module_.tables[segment.table_index].type;
      if (!matches(module_, segment.type, table.element))
        return ByteReader::invalid(segment.table_offset.offset,
                                   fmt::format("element segment {}: type mismatch: {} does not match the table's {}",
                                               index, to_string(segment.type), to_string(table.element)));
      WZRUN_CHECK(check(segment.table_offset, table.limits.index_type(), all_globals(), "element segment", index));
    }
    for (const auto& expression : segment.expressions)
      WZRUN_CHECK(check(expression, segment.type, all_globals(), "element segment", index));
    return {};
  }

  const Module& module_;
  NullSink sink_;
  FunctionReader<NullSink> reader_;
};

/// The bodies, handed out in order to whoever asks.
class BodyQueue {
 public:
  explicit BodyQueue(const Module& module) : module_(module) {}

  /// Validates bodies until none is left, or one before them is known to be wrong.
  void work() {
    NullSink sink;
    FunctionReader<NullSink> reader(module_, sink);
    const auto count = static_cast<std::uint32_t>(module_.code.size());
    for (;;) {
      const auto first = next_.fetch_add(kBatch, std::memory_order_relaxed);
      if (first >= std::min(count, first_error_.load(std::memory_order_relaxed)))
        return;
      for (auto i = first; i < std::min(count, first + kBatch); ++i)
        if (auto status = reader.read(module_.imported_functions + i); !status) {
          record(i, std::move(status).error());
          return;
        }
    }
  }

  Expected<void> result() {
    if (error_)
      return std::unexpected(std::move(*error_));
    return {};
  }

 private:
  static constexpr std::uint32_t kBatch = 16;

  void record(std::uint32_t index, Error error) {
    const std::lock_guard lock(mutex_);
    if (index > first_error_.load(std::memory_order_relaxed))
      return;
    first_error_.store(index, std::memory_order_relaxed);
    error_ = std::move(error);
  }

  const Module& module_;
  std::atomic<std::uint32_t> next_ = 0;
  std::atomic<std::uint32_t> first_error_ = kNoIndex;
  std::mutex mutex_;
  std::optional<Error> error_;
};

/// Below this, starting a thread takes longer than what it saves.
constexpr std::size_t kBytesPerThread = 128U << 10;

Expected<void> validate_bodies(const Module& module, unsigned threads) {
  if (const auto useful = 1 + module.bytes.size() / kBytesPerThread; useful == 1)
    threads = 1;
  else
    threads = static_cast<unsigned>(
        std::min<std::size_t>(threads == 0 ? std::thread::hardware_concurrency() : threads, useful));
  BodyQueue queue(module);
  {
    std::vector<std::jthread> helpers;
    for (unsigned i = 1; i < threads; ++i) {
      try {
        helpers.emplace_back([&] { queue.work(); });
      } catch (const std::system_error&) {
        break;  // no more threads to be had: those that run do the work
      }
    }
    queue.work();
  }
  return queue.result();
}

}  // namespace

Expected<void> validate(const Module& module, ValidateOptions options) {
  ConstantValidator constants(module);
  WZRUN_CHECK(constants.tables());
  WZRUN_CHECK(constants.globals());
  WZRUN_CHECK(constants.elements());
  WZRUN_CHECK(validate_bodies(module, options.threads));
  return constants.data();
}

}  // namespace wzrun::wasm
