#include "codegen/compiler.h"

#include "codegen/linker.h"
#include "codegen/lowering.h"
#include "codegen/pipeline.h"
#include "runtime/image.h"
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
#include <mutex>
#include <new>
#include <optional>
#include <string_view>
#include <thread>

namespace wzrun::codegen {

namespace {

/// Bytes of bodies that are compiled in one piece: enough to pay for the piece, few enough to keep all cores busy and
/// memory small. The pieces depend on the module alone, and so does the image.
constexpr std::uint64_t kPartitionBytes = 64U << 10;
constexpr std::uint64_t kLeastPartitionBytes = 8U << 10;
constexpr std::uint64_t kPartitionsOfSmall = 8;

struct Partition {
  std::uint32_t first = 0;  ///< function index
  std::uint32_t last = 0;
  std::uint64_t bytes = 0;
  Object object;
  std::vector<std::uint32_t> interpreted;
};

std::vector<Partition> partitions(const wasm::Module& module) {
  std::uint64_t total = 0;
  for (const auto& body : module.code)
    total += body.bytes.size();
  const auto limit = std::clamp(total / kPartitionsOfSmall, kLeastPartitionBytes, kPartitionBytes);
  std::vector<Partition> list(1);
  list.back().first = list.back().last = module.imported_functions;
  for (const auto& body : module.code) {
    if (list.back().bytes >= limit)
      list.push_back({list.back().last, list.back().last, 0, {}, {}});
    ++list.back().last;
    list.back().bytes += body.bytes.size();
  }
  return list;
}

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
  explicit Compilation(const runtime::CodegenRequest& request) : request_(request) {}

  Expected<std::vector<std::uint8_t>> run() {
    const std::span bytes(request_.module, request_.module_size);
    module_ = WZRUN_TRY(wasm::decode(bytes, CoreFeatures::from_bits(static_cast<std::uint32_t>(request_.features))));
    tail_calls_ = WZRUN_TRY(makes_tail_calls(module_));
    partitions_ = partitions(module_);
    for (const auto& partition : partitions_)
      total_ += partition.bytes;
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
  void compile_all() {
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    const auto wanted = request_.threads == 0 ? cores : request_.threads;
    const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(wanted, partitions_.size()));
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
          fmt::format("the compiler crashed in functions {} to {}: {}", partition.first, partition.last - 1, why)});
  }

  void fail(Error error) {
    const std::scoped_lock lock(mutex_);
    if (!error_)
      error_ = std::move(error);
    failed_.store(true);
  }

  void work(std::uint32_t worker) {
    Pipeline pipeline(request_.opt_level);
    if (pipeline.machine() == nullptr) {
      fail({ErrorKind::unsupported, Error::kNoOffset, pipeline.error()});
      return;
    }
    while (!failed_.load()) {
      const auto index = next_.fetch_add(1);
      if (index >= partitions_.size())
        return;
      working_on_[worker] = index;
      if (auto compiled = compile(pipeline, index); !compiled)
        fail(std::move(compiled).error());
      const auto done = done_.fetch_add(partitions_[index].bytes) + partitions_[index].bytes;
      if (request_.progress != nullptr)
        request_.progress(request_.context, done, total_);
    }
  }

  Expected<void> compile(Pipeline& pipeline, std::size_t index) {
    auto& partition = partitions_[index];
    llvm::LLVMContext context;
    context.setDiscardValueNames(!request_.print_ir);
    llvm::Module module("module", context);
    pipeline.prepare(module);
    ModuleLowering lowering(module, module_, request_.guarded, tail_calls_);
    partition.interpreted = WZRUN_TRY(lower(lowering, partition.first, partition.last));
    if (index == 0)
      for (std::uint32_t type = 0; type < module_.types.size(); ++type)
        if (module_.types[type].kind == wasm::CompositeKind::function && module_.types[type].canonical == type)
          lowering.define_entry(type);
    lowering.finish();
#ifndef NDEBUG
    if (llvm::verifyModule(module, &llvm::errs()))
      return std::unexpected(
          Error{ErrorKind::unsupported, Error::kNoOffset, "internal error: the lowering is invalid"});
#endif
    pipeline.optimise(module);
    if (request_.print_ir) {
      const std::scoped_lock lock(mutex_);
      module.print(llvm::errs(), nullptr);
    }
    partition.object = pipeline.emit(module);
    return {};
  }

  std::vector<std::uint8_t> assemble(LinkedCode linked) const;

  const runtime::CodegenRequest& request_;
  wasm::Module module_;
  bool tail_calls_ = false;
  std::vector<Partition> partitions_;
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

class LineTable {
 public:
  void add(std::uint64_t code, std::uint64_t module) {
    put_unsigned(code - code_);
    put_signed(static_cast<std::int64_t>(module - module_));
    code_ = code;
    module_ = module;
  }
  void restart(std::uint64_t code) {
    code_ = code;
    module_ = 0;
  }
  std::vector<std::uint8_t> bytes;

 private:
  void put_unsigned(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      bytes.push_back(static_cast<std::uint8_t>(value | 0x80));
    bytes.push_back(static_cast<std::uint8_t>(value));
  }
  void put_signed(std::int64_t value) {
    while (value < -0x40 || value > 0x3f) {
      bytes.push_back(static_cast<std::uint8_t>((value & 0x7f) | 0x80));
      value >>= 7;
    }
    bytes.push_back(static_cast<std::uint8_t>(value & 0x7f));
  }
  std::uint64_t code_ = 0;
  std::uint64_t module_ = 0;
};

constexpr std::uint32_t kCodeAlignment =
#if defined(__aarch64__)
    64U << 10;  // the largest page
#else
    4U << 10;
#endif

std::vector<std::uint8_t> Compilation::assemble(LinkedCode linked) const {
  using runtime::kNoCode;
  std::vector<std::uint32_t> functions(module_.code.size(), kNoCode);
  std::vector<std::uint32_t> tails(tail_calls_ ? functions.size() : 0, kNoCode);
  std::vector<std::uint32_t> entries(module_.types.size(), kNoCode);
  std::vector<runtime::ImageRange> ranges;
  LineTable lines;
  auto line = linked.lines.begin();
  for (const auto& symbol : linked.symbols) {
    auto& range =
        ranges.emplace_back(symbol.begin, symbol.end, kNoCode, static_cast<std::uint32_t>(lines.bytes.size()));
    if (const auto type = number_behind(symbol.name, "entry"))
      entries[*type] = symbol.begin;
    const auto native = number_behind(symbol.name, "f");
    if (native)
      functions[*native - module_.imported_functions] = symbol.begin;
    const auto function = tail_calls_ ? number_behind(symbol.name, "t") : native;
    if (!function)
      continue;
    range.function = *function;
    if (tail_calls_)
      tails[*function - module_.imported_functions] = symbol.begin;
    while (line != linked.lines.end() && line->address < symbol.begin)
      ++line;
    lines.restart(symbol.begin);
    std::optional<std::uint64_t> last;
    for (; line != linked.lines.end() && line->address < symbol.end; ++line) {
      if (last == line->module_offset)
        continue;
      lines.add(line->address, line->module_offset);
      last = line->module_offset;
    }
  }
  for (std::uint32_t type = 0; type < module_.types.size(); ++type)
    entries[type] = entries[module_.types[type].canonical];
  for (const auto& partition : partitions_)  // their code only leads to the interpreter
    for (const auto index : partition.interpreted) {
      functions[index - module_.imported_functions] = kNoCode;
      if (tail_calls_)
        tails[index - module_.imported_functions] = kNoCode;
    }

  runtime::ImageHeader header;
  header.code_alignment = kCodeAlignment;
  header.guarded = request_.guarded ? 1 : 0;
  std::vector<std::uint8_t> image(sizeof header);
  const auto append = [&](const void* data, std::size_t size, std::size_t alignment) {
    image.resize(llvm::alignTo(image.size(), alignment));
    const auto offset = image.size();
    const auto* const bytes = static_cast<const std::uint8_t*>(data);
    image.insert(image.end(), bytes, bytes + size);
    return runtime::ImagePart{offset, size};
  };
  header.target = append(request_.target, request_.target_size, 8);
  header.functions = append(functions.data(), functions.size() * sizeof(std::uint32_t), 8);
  header.tails = append(tails.data(), tails.size() * sizeof(std::uint32_t), 8);
  header.entries = append(entries.data(), entries.size() * sizeof(std::uint32_t), 8);
  header.ranges = append(ranges.data(), ranges.size() * sizeof ranges[0], 8);
  header.lines = append(lines.bytes.data(), lines.bytes.size(), 8);
  header.code = append(linked.code.data(), linked.code.size(), kCodeAlignment);
  header.total_size = image.size();
  header.module = sha256({request_.module, request_.module_size});
  header.checksum = sha256(std::span(image).subspan(sizeof header));
  std::memcpy(image.data(), &header, sizeof header);
  return image;
}

}  // namespace

Expected<std::vector<std::uint8_t>> compile(const runtime::CodegenRequest& request) {
  Expected<std::vector<std::uint8_t>> image;
  without_exceptions(request, [&] { image = Compilation(request).run(); });
  return image;
}

}  // namespace wzrun::codegen
