#include "baseline/baseline.h"
#include "baseline/frame_layout.h"
#include "baseline/survey.h"
#include "baseline/thunks.h"
#include "baseline/translator.h"
#include "runtime/cpuid.h"
#include "runtime/image_builder.h"
#include "wasm/function_reader.h"

#include <algorithm>
#include <optional>

namespace wzrun::baseline {

#if defined(__x86_64__)

bool is_available() {
  static const bool available = [] {
    constexpr std::uint32_t kPopcnt = 1U << 23, kXsaveEnabled = 1U << 27, kAvx = 1U << 28, kSse41 = 1U << 19;
    constexpr std::uint32_t kBmi1 = 1U << 3, kBmi2 = 1U << 8;
    constexpr std::uint32_t kLzcnt = 1U << 5;
    const auto has = [](std::uint32_t word, std::uint32_t bits) { return (word & bits) == bits; };
    return has(runtime::cpuid(1, 0).c, kPopcnt | kXsaveEnabled | kAvx | kSse41) &&
           has(runtime::cpuid(7, 0).b, kBmi1 | kBmi2) && has(runtime::cpuid(0x80000001, 0).c, kLzcnt);
  }();
  return available;
}

#else

bool is_available() { return false; }

#endif

namespace {

class Compilation {
 public:
  Compilation(const wasm::Module& module, const Request& request)
      : request_(request), module_(module), unit_(module, request.guarded, request.patience) {}

  Expected<Result> run() {
    Result result;
    result.left_out = WZRUN_TRY(choose());
    if (unit_.members.empty())
      return result;
    WZRUN_CHECK(translate());
    emit_thunks();
    result.image = assemble();
    return result;
  }

 private:
  /// Returns those that are left out.
  Expected<std::vector<std::uint32_t>> choose() {
    std::vector<std::uint32_t> left_out;
    for (const auto index : request_.functions) {
      auto needs = WZRUN_TRY(survey(module_, index, request_.guarded));
      if (needs.is_supported && has_possible_frame(needs.locals.size(), needs)) {
        unit_.members.try_emplace(index);
        needs_.push_back(std::move(needs));
      } else {
        left_out.push_back(index);
      }
    }
    return left_out;
  }

  Expected<void> translate() {
    Translator translator(unit_);
    wasm::FunctionReader<Translator> reader(module_, translator);
    auto needs = needs_.begin();
    for (auto& [function, label] : unit_.members) {
      std::vector<std::uint32_t> loops;
      for (const auto& loop : request_.loops)
        if (loop.function == function)
          loops.push_back(loop.loop);
      translator.prepare(*needs++, loops);
      WZRUN_CHECK(reader.read(function));
      for (const auto& [loop, begin] : translator.loop_entries())
        loops_.push_back({function - module_.imported_functions, loop, begin});
    }
    return {};
  }

  void emit_thunks() {
    auto& code = unit_.code;
    const auto emit = [&](auto body) {
      code.align(16);
      const auto begin = code.position();
      body();
      unit_.ranges.push_back({begin, code.position(), Range::kNone});
      return begin;
    };
    for (std::uint32_t type = 0; type < module_.types.size(); ++type)
      if (auto& thunk = unit_.call_thunks[type]; thunk.is_used())
        emit([&] {
          code.bind(thunk);
          emit_call_thunk(code, module_.types[type].function);
        });
    if (auto& thunk = unit_.count_thunk; thunk.is_used())
      emit([&] {
        code.bind(thunk);
        emit_count_thunk(code);
      });
    entries_.assign(module_.types.size(), runtime::kNoCode);
    for (const auto& [function, label] : unit_.members) {
      const auto type = module_.types[module_.functions[function].type_index].canonical;
      if (entries_[type] == runtime::kNoCode)
        entries_[type] = emit([&] { emit_entry(code, module_.types[type].function); });
    }
    for (std::uint32_t type = 0; type < module_.types.size(); ++type)
      entries_[type] = entries_[module_.types[type].canonical];
  }

  std::vector<std::uint8_t> assemble() {
    runtime::ImageContents image;
    image.target = request_.target;
    image.module = request_.module;
    image.guarded = request_.guarded;
    image.opt_level = request_.opt_level;
    for (const auto& [function, label] : unit_.members) {
      image.members.push_back(function - module_.imported_functions);
      image.functions.push_back(label.position);
    }
    image.loops = std::move(loops_);
    image.entries = std::move(entries_);
    auto line = unit_.lines.begin();
    for (const auto& [begin, end, function] : unit_.ranges) {
      image.ranges.push_back({begin, end, function, image.lines.begin_range(begin)});
      for (; line != unit_.lines.end() && line->code < end; ++line)
        image.lines.add(line->code, line->module);
    }
    image.code = {unit_.code.data(), unit_.code.position()};
    return runtime::build_image(image);
  }

  const Request& request_;
  const wasm::Module& module_;
  Unit unit_;
  std::vector<Needs> needs_;  ///< of the members
  std::vector<runtime::ImageLoop> loops_;
  std::vector<std::uint32_t> entries_;
};

}  // namespace

Expected<Result> compile(const wasm::Module& module, const Request& request) {
  return Compilation(module, request).run();
}

}  // namespace wzrun::baseline
