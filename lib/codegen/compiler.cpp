#include "codegen/compiler.h"

#include "codegen/linker.h"
#include "codegen/lowering.h"
#include "codegen/pipeline.h"
#include "runtime/image_builder.h"
#include "wasm/decoder.h"
#include "wzrun/features.h"
#include "wzrun/sha256.h"

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace wzrun::codegen {

namespace {

/// Bytes of bodies that are compiled in one piece: enough to pay for the piece, few enough to keep all cores busy and
/// memory small. The pieces depend on the module alone, and so does the image.
constexpr std::uint64_t kPartitionBytes = 64U << 10;
constexpr std::uint64_t kLeastPartitionBytes = 8U << 10;
constexpr std::uint64_t kPartitionsOfSmall = 8;

/// Levels above 0 take time and memory in the square of a block's length, of the number of blocks, and of other things.
/// Partitions with functions beyond these limits are compiled as on level 0; tests/engine/scaling.cpp has the shapes.
constexpr std::uint64_t kMostBytes = 160U << 10;
constexpr std::size_t kMostBlocks = 8000;
constexpr std::size_t kMostInstructionsOfBlock = 8000;  ///< of LLVM
constexpr unsigned kSimpleLevel = 0;
/// Larger functions have a partition of their own.
constexpr std::uint64_t kLargeBytes = 24U << 10;

constexpr unsigned kHotLevel = 3;

struct Partition {
  std::span<const std::uint32_t> functions;  ///< indices, ascending
  unsigned opt_level = 0;
  std::span<const runtime::CodegenLoop> loops;
  std::uint64_t bytes = 0;
  Object object;
};

const wasm::FunctionBody& body_of(const wasm::Module& module, std::uint32_t function_index) {
  return module.code[function_index - module.imported_functions];
}

std::uint64_t bytes_of(const wasm::Module& module, std::span<const std::uint32_t> functions) {
  std::uint64_t bytes = 0;
  for (const auto index : functions)
    bytes += body_of(module, index).bytes.size();
  return bytes;
}

bool is_too_long(const llvm::Module& module) {
  return std::ranges::any_of(module, [](const llvm::Function& function) {
    return function.size() > kMostBlocks || std::ranges::any_of(function, [](const llvm::BasicBlock& block) {
             return block.size() > kMostInstructionsOfBlock;
           });
  });
}

/// Adds partitions of the functions, each of `limit` bytes or one function more; large ones are alone.
void divide(const wasm::Module& module, std::span<const std::uint32_t> functions, std::uint64_t limit,
            unsigned opt_level, std::vector<Partition>& list) {
  const auto size = [&](std::size_t i) { return body_of(module, functions[i]).bytes.size(); };
  std::size_t first = 0;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    bytes += size(i);
    const bool is_last = i + 1 == functions.size();
    if (bytes < limit && !is_last && size(i) < kLargeBytes && size(i + 1) < kLargeBytes)
      continue;
    const auto level = bytes > kMostBytes ? kSimpleLevel : opt_level;
    list.push_back({functions.subspan(first, i + 1 - first), level, {}, std::exchange(bytes, 0), {}});
    first = i + 1;
  }
}

/// By level, each made when it is needed. For one thread at a time.
class Pipelines {
 public:
  /// Errors: unsupported.
  Expected<Pipeline*> at(unsigned opt_level) {
    auto& pipeline = pipelines_.try_emplace(opt_level, opt_level).first->second;
    if (pipeline.machine() == nullptr)
      return std::unexpected(Error{ErrorKind::unsupported, Error::kNoOffset, pipeline.error()});
    return &pipeline;
  }

 private:
  std::map<unsigned, Pipeline> pipelines_;
};

/// What is kept of a module between requests.
struct Session {
  wasm::Module module;
  Pipelines pipelines;
};

/// Runs a body that may run out of memory, in LLVM too, which is then not to be used any more.
template <typename Body>
void without_exceptions(const runtime::CodegenRequest& request, Body body) {
  const char* why = nullptr;
  try {
    return body();
  } catch (const std::bad_alloc&) {
    why = "not enough memory";
  } catch (...) {
    why = "an exception";
  }
  request.give_up(why);
}

class Compilation {
 public:
  Compilation(const runtime::CodegenRequest& request, Session& session)
      : request_(request), module_(session.module), first_pipelines_(session.pipelines) {}

  Expected<std::vector<std::uint8_t>> run() {
    WZRUN_CHECK(choose_functions());
    selection_ = WZRUN_TRY(select(module_, functions_, is_unit()));
    make_partitions();
    compile_all();
    if (error_)
      return std::unexpected(*std::move(error_));
    std::vector<Object> objects;
    objects.reserve(partitions_.size());
    for (auto& partition : partitions_)
      objects.push_back(std::move(partition.object));
    auto linked = WZRUN_TRY(link(objects));
    return assemble(std::move(linked));
  }

 private:
  /// Whether it is only some functions that are compiled, in one piece.
  bool is_unit() const { return request_.functions != nullptr; }

  Expected<void> choose_functions() {
    if (!is_unit()) {
      for (auto index = module_.imported_functions; index < module_.functions.size(); ++index)
        functions_.push_back(index);
      return {};
    }
    functions_.assign(request_.functions, request_.functions + request_.function_count);
    const bool fits = std::ranges::all_of(functions_, [&](auto index) {
      return index >= module_.imported_functions && index < module_.functions.size();
    });
    if (!fits || !std::ranges::is_sorted(functions_))
      return std::unexpected(Error{ErrorKind::invalid_argument, Error::kNoOffset, "no such functions"});
    return {};
  }

  /// The hot functions come first, and so lie together.
  void make_partitions() {
    const std::span hot(request_.hot_functions, request_.hot_function_count);
    std::ranges::set_intersection(functions_, hot, std::back_inserter(by_heat_));
    const auto hot_count = by_heat_.size();
    std::ranges::set_difference(functions_, hot, std::back_inserter(by_heat_));
    total_ = bytes_of(module_, functions_);
    const auto limit = std::clamp(total_ / kPartitionsOfSmall, kLeastPartitionBytes, kPartitionBytes);
    const std::span all(by_heat_);
    divide(module_, all.first(hot_count), limit, kHotLevel, partitions_);
    divide(module_, all.subspan(hot_count), limit, request_.opt_level, partitions_);
    if (partitions_.empty())
      partitions_.push_back({{}, request_.opt_level, {}, 0, {}});  // of entries alone
    if (is_unit())
      partitions_.front().loops = {request_.loops, request_.loop_count};
    order_.resize(partitions_.size());
    std::iota(order_.begin(), order_.end(), 0);
    std::ranges::sort(order_, std::ranges::greater(), [&](auto i) { return std::pair(partitions_[i].bytes, i); });
  }

  void compile_all() {
    const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(request_.threads, partitions_.size()));
    working_on_.resize(count);
    request_.run(
        count,
        [](void* self, std::uint32_t worker) {
          auto& compilation = *static_cast<Compilation*>(self);
          without_exceptions(compilation.request_, [&] { compilation.work(worker); });
        },
        [](void* self, std::uint32_t worker, const char* why) {
          auto& compilation = *static_cast<Compilation*>(self);
          without_exceptions(compilation.request_, [&] { compilation.crashed(worker, why); });
        },
        this);
  }

  void crashed(std::uint32_t worker, const char* why) {
    const auto& partition = partitions_[working_on_[worker]];
    fail({ErrorKind::unsupported, Error::kNoOffset,
          fmt::format("the compiler crashed in functions {} to {}: {}", partition.functions.front(),
                      partition.functions.back(), why)});
  }

  void fail(Error error) {
    const std::scoped_lock lock(mutex_);
    if (!error_)
      error_ = std::move(error);
    failed_.store(true);
  }

  void work(std::uint32_t worker) {
    Pipelines own;
    auto& pipelines = worker == 0 ? first_pipelines_ : own;
    while (!failed_.load()) {
      const auto turn = next_.fetch_add(1);
      if (turn >= order_.size())
        return;
      const auto index = order_[turn];
      working_on_[worker] = index;
      if (auto compiled = compile(pipelines, index); !compiled)
        fail(std::move(compiled).error());
      const auto done = done_.fetch_add(partitions_[index].bytes) + partitions_[index].bytes;
      if (request_.progress != nullptr)
        request_.progress(request_.context, done, total_);
    }
  }

  Expected<void> compile(Pipelines& pipelines, std::size_t index) {
    auto& partition = partitions_[index];
    auto* pipeline = WZRUN_TRY(pipelines.at(partition.opt_level));
    llvm::LLVMContext context;
    context.setDiscardValueNames(!request_.print_ir);
    llvm::Module module("module", context);
    pipeline->prepare(module);
    ModuleLowering lowering(module, module_, selection_, request_.guarded);
    WZRUN_CHECK(lower(lowering, partition.functions));
    for (const auto& loop : partition.loops)
      if (selection_.members[loop.function])
        WZRUN_CHECK(lower_loop_entry(lowering, loop.function, loop.loop));
    if (index == 0)
      for (std::uint32_t type = 0; type < module_.types.size(); ++type)
        if (needs_entry(type))
          lowering.define_entry(type);
    lowering.finish();
#ifndef NDEBUG
    if (llvm::verifyModule(module, &llvm::errs()))
      return std::unexpected(
          Error{ErrorKind::unsupported, Error::kNoOffset, "internal error: the lowering is invalid"});
#endif
    if (partition.opt_level > kSimpleLevel && is_too_long(module))
      pipeline = WZRUN_TRY(pipelines.at(kSimpleLevel));
    pipeline->optimise(module);
    if (request_.print_ir) {
      const std::scoped_lock lock(mutex_);
      module.print(llvm::errs(), nullptr);
    }
    partition.object = pipeline->emit(module);
    return {};
  }

  /// Of all types, so that a function whose code comes later has one; of a unit's functions only.
  bool needs_entry(std::uint32_t type) const {
    if (module_.types[type].kind != wasm::CompositeKind::function || module_.types[type].canonical != type)
      return false;
    return !is_unit() || std::ranges::any_of(functions_, [&](auto index) {
      return module_.types[module_.functions[index].type_index].canonical == type;
    });
  }

  std::vector<std::uint8_t> assemble(LinkedCode linked) const;

  const runtime::CodegenRequest& request_;
  const wasm::Module& module_;
  Pipelines& first_pipelines_;            ///< of the first worker
  std::vector<std::uint32_t> functions_;  ///< indices, ascending
  std::vector<std::uint32_t> by_heat_;    ///< the same: first those that are hot, ascending, then the others
  Selection selection_;
  std::vector<Partition> partitions_;
  std::vector<std::size_t> order_;  ///< in which they are compiled: what takes longest first
  std::uint64_t total_ = 0;
  std::vector<std::size_t> working_on_;  ///< by worker, which partition
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::optional<Error> error_;
};

/// The number behind a prefix, as function_symbol() and entry_symbol() make them.
std::optional<std::uint32_t> number_behind(std::string_view name, std::string_view prefix) {
  std::uint32_t number = 0;
  if (!name.starts_with(prefix))
    return std::nullopt;
  name.remove_prefix(prefix.size());
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size())
    return std::nullopt;
  return number;
}

struct LoopNumber {
  std::uint32_t function = 0;
  std::uint32_t loop = 0;
};

/// The numbers of loop_symbol().
std::optional<LoopNumber> loop_of(std::string_view name) {
  const auto between = name.find('_');
  if (between == std::string_view::npos)
    return std::nullopt;
  const auto function = number_behind(name.substr(0, between), "l");
  const auto loop = number_behind(name.substr(between), "_");
  return function && loop ? std::optional(LoopNumber{*function, *loop}) : std::nullopt;
}

std::vector<std::uint8_t> Compilation::assemble(LinkedCode linked) const {
  using runtime::kNoCode;
  const auto tail_calls = selection_.tail_calls;
  runtime::ImageContents image;
  image.target = {request_.target, request_.target_size};
  if (!is_unit())
    image.module = sha256({request_.module, request_.module_size});
  image.guarded = request_.guarded;
  image.opt_level = request_.opt_level;
  for (std::size_t i = 0; is_unit() && i < functions_.size(); ++i)
    image.members.push_back(functions_[i] - module_.imported_functions);
  const auto position = [&](std::uint32_t function_index) {
    return std::ranges::lower_bound(functions_, function_index) - functions_.begin();
  };
  image.functions.assign(functions_.size(), kNoCode);
  image.tails.assign(tail_calls ? functions_.size() : 0, kNoCode);
  image.entries.assign(module_.types.size(), kNoCode);
  auto line = linked.lines.begin();
  for (const auto& symbol : linked.symbols) {
    auto& range = image.ranges.emplace_back(symbol.begin, symbol.end, kNoCode, image.lines.begin_range(symbol.begin));
    if (const auto type = number_behind(symbol.name, "entry"))
      image.entries[*type] = symbol.begin;
    const auto native = number_behind(symbol.name, "f");
    if (native)
      image.functions[position(*native)] = symbol.begin;
    auto function = tail_calls ? number_behind(symbol.name, "t") : native;
    if (function && tail_calls)
      image.tails[position(*function)] = symbol.begin;
    if (const auto loop = loop_of(symbol.name)) {
      image.loops.push_back({loop->function - module_.imported_functions, loop->loop, symbol.begin});
      function = loop->function;
    }
    if (!function)
      continue;
    range.function = *function;
    while (line != linked.lines.end() && line->address < symbol.begin)
      ++line;
    for (; line != linked.lines.end() && line->address < symbol.end; ++line)
      image.lines.add(line->address, line->module_offset);
  }
  for (std::uint32_t type = 0; type < module_.types.size(); ++type)
    image.entries[type] = image.entries[module_.types[type].canonical];
  std::ranges::sort(image.loops, {}, [](const auto& loop) { return std::pair(loop.function, loop.loop); });
  image.code = {reinterpret_cast<const std::uint8_t*>(linked.code.data()), linked.code.size()};
  return runtime::build_image(image);
}

Expected<std::vector<std::uint8_t>> compile_module(const runtime::CodegenRequest& request) {
  auto* session = request.session != nullptr ? static_cast<Session*>(*request.session) : nullptr;
  std::unique_ptr<Session> made;
  if (session == nullptr) {
    const std::span bytes(request.module, request.module_size);
    const auto features = CoreFeatures::from_bits(static_cast<std::uint32_t>(request.features));
    made = std::make_unique<Session>(WZRUN_TRY(wasm::decode(bytes, features)), Pipelines());
    session = made.get();
  }
  if (request.session != nullptr && made != nullptr)
    *request.session = made.release();
  return Compilation(request, *session).run();
}

}  // namespace

Expected<std::vector<std::uint8_t>> compile(const runtime::CodegenRequest& request) {
  if (request.session != nullptr && request.module == nullptr) {
    delete static_cast<Session*>(std::exchange(*request.session, nullptr));
    return {};
  }
  Expected<std::vector<std::uint8_t>> image;
  without_exceptions(request, [&] { image = compile_module(request); });
  return image;
}

}  // namespace wzrun::codegen
