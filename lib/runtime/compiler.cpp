#include "runtime/compiler.h"

#include "baseline/baseline.h"
#include "runtime/codegen_plugin.h"
#include "runtime/compiler_threads.h"
#include "runtime/heat_estimate.h"
#include "runtime/image_builder.h"
#include "runtime/processors.h"
#include "wasm/decoder.h"
#include "wzrun/sha256.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <iterator>
#include <numeric>
#include <optional>
#include <random>
#include <string>

namespace wzrun::runtime {

namespace {

/// Folders that may have the plugin, most likely first.
std::vector<std::filesystem::path> folders() {
  std::vector<std::filesystem::path> list;
  std::error_code error;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", error);
  Dl_info info{};
  for (const auto& file :
       {executable,
        std::filesystem::path(dladdr(reinterpret_cast<void*>(&compile_image), &info) != 0 ? info.dli_fname : "")}) {
    if (!file.has_parent_path())
      continue;
    list.push_back(file.parent_path());
    list.push_back(file.parent_path().parent_path() / "lib");
    list.push_back(file.parent_path().parent_path() / "lib/wzrun");
  }
  return list;
}

/// Whether there is address space for a library and what it allocates when it is loaded: should that fail halfway, the
/// process would end.
bool has_room_for(const std::filesystem::path& library) {
  constexpr std::uint64_t kAllocated = 24U << 20;
  std::error_code error;
  const auto bytes = std::filesystem::file_size(library, error) + kAllocated;
  void* const pages = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED)
    return false;
  munmap(pages, bytes);
  return true;
}

struct Plugin {
  CodegenEntry compile = nullptr;
  std::string why_not;
};

Plugin load() {
  void* library = nullptr;
  std::string why_not;
  for (const auto& folder : folders()) {
    const auto path = folder / kCodegenLibrary;
    std::error_code error;
    if (!std::filesystem::exists(path, error))
      continue;
    if (!has_room_for(path)) {
      why_not = "not enough memory";
      break;
    }
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
      why_not = dlerror();
    break;
  }
  if (library == nullptr && why_not.empty()) {
    library = dlopen(kCodegenLibrary, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
      return {nullptr, dlerror()};
  }
  if (library == nullptr)
    return {nullptr, why_not};
  auto* const entry = reinterpret_cast<CodegenEntry>(dlsym(library, kCodegenEntry));
  return {entry, entry == nullptr ? dlerror() : ""};
}

const Plugin& plugin() {
  static const Plugin loaded = load();
  return loaded;
}

/// Set once it has crashed: what state it is in nobody knows.
std::atomic<bool> crashed{false};

struct Compilation {
  const CompileOptions& options;
  CodegenRequest request;
  std::vector<std::uint8_t> image;
  std::string failure;
  bool succeeded = false;
};

void run(std::uint32_t count, void (*body)(void*, std::uint32_t),
         void (*report)(void* argument, std::uint32_t number, const char* why), void* argument) {
  run_compiler_threads(
      count, [&](std::uint32_t number) { body(argument, number); },
      [&](std::uint32_t number, const char* why) {
        crashed.store(true);
        report(argument, number, why);
      });
}

/// Compiles on a thread that is made for it: the caller's stack may be small.
void run_plugin(Compilation& compilation) {
  run_compiler_threads(
      1,
      [&](std::uint32_t) {
        compilation.succeeded = plugin().compile != nullptr && plugin().compile(&compilation.request);
      },
      [&](std::uint32_t, const char* why) {
        crashed.store(true);
        compilation.failure = fmt::format("the compiler crashed: {}", why);
      });
}

}  // namespace

bool has_compiler() { return plugin().compile != nullptr && !crashed.load(); }

CompilerSession::~CompilerSession() {
  if (state_ == nullptr || crashed.load())
    return;
  CodegenRequest request;
  request.session = &state_;
  request.give_up = give_up_compiling;
  plugin().compile(&request);
}

namespace {

const unsigned kDefaultLevel = CompileOptions().opt_level;

Expected<baseline::Result> compile_with_baseline(const wasm::Module& module, std::span<const std::uint32_t> functions,
                                                 const Sha256Digest& digest, const CompileOptions& options) {
  return baseline::compile(module, {.functions = functions,
                                    .loops = {},
                                    .guarded = options.guarded,
                                    .target = options.target,
                                    .module = digest,
                                    .opt_level = options.opt_level});
}

std::vector<std::uint32_t> defined_functions(const wasm::Module& module) {
  std::vector<std::uint32_t> functions(module.code.size());
  std::iota(functions.begin(), functions.end(), module.imported_functions);
  return functions;
}

/// What the baseline compiler makes of a whole module; nothing if it leaves functions out, which another compiler may
/// not.
Expected<std::optional<std::vector<std::uint8_t>>> compile_all_with_baseline(std::span<const std::uint8_t> bytes,
                                                                             CoreFeatures features,
                                                                             const CompileOptions& options) {
  const auto module = WZRUN_TRY(wasm::decode(bytes, features));
  auto compiled = WZRUN_TRY(compile_with_baseline(module, defined_functions(module), sha256(bytes), options));
  if (compiled.image.empty() || !compiled.left_out.empty())
    return std::nullopt;
  return std::move(compiled.image);
}

/// Those that LLVM compiles: indices, ascending.
std::vector<std::uint32_t> choose_for_llvm(const wasm::Module& module, const HeatEstimate& estimate,
                                           const CompileOptions& options) {
  auto functions = defined_functions(module);
  if (options.stress) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(*options.stress));
    std::erase_if(functions, [&](auto) { return random() % 2 == 0; });
    return functions;
  }
  constexpr std::uint64_t kLeastPart = 3;
  const auto all = std::transform_reduce(module.code.begin(), module.code.end(), std::uint64_t{0}, std::plus(),
                                         [](const auto& body) { return body.bytes.size(); });
  const auto likely = worth_optimising(module, estimate, std::max(kMostBytesForLlvm, all / kLeastPart));
  std::vector<std::uint32_t> known, chosen;
  std::ranges::set_intersection(functions, options.hot_functions, std::back_inserter(known));
  std::ranges::set_union(likely, known, std::back_inserter(chosen));
  return chosen;
}

Expected<std::vector<std::uint8_t>> compile_with_llvm(std::span<const std::uint8_t> module, CoreFeatures features,
                                                      const CompileOptions& options);

/// A large module, compiled by LLVM where that is likely to be worth its time, otherwise by the baseline compiler;
/// nothing if that has nothing to do, or if tail calls would lead from one to the other.
Expected<std::optional<std::vector<std::uint8_t>>> compile_by_heat(std::span<const std::uint8_t> bytes,
                                                                   CoreFeatures features,
                                                                   const CompileOptions& options) {
  const auto module = WZRUN_TRY(wasm::decode(bytes, features));
  const auto estimate = WZRUN_TRY(estimate_heat(module));
  if (estimate.has_tail_calls)
    return std::nullopt;
  const auto optimised = choose_for_llvm(module, estimate, options);
  std::vector<std::uint32_t> quick, for_llvm;
  std::ranges::set_difference(defined_functions(module), optimised, std::back_inserter(quick));
  const auto digest = sha256(bytes);
  const auto compiled = WZRUN_TRY(compile_with_baseline(module, quick, digest, options));
  if (compiled.image.empty())
    return std::nullopt;
  std::ranges::set_union(optimised, compiled.left_out, std::back_inserter(for_llvm));
  if (for_llvm.empty())
    return compiled.image;
  auto llvm_options = options;
  llvm_options.functions = for_llvm;
  const auto image = WZRUN_TRY(compile_with_llvm(bytes, features, llvm_options));
  return join_images(image, compiled.image, module.code.size(), digest);
}

/// A part of a processor is worth a thread.
std::uint32_t threads_for(double processors) {
  const auto whole = static_cast<std::uint32_t>(processors);
  return whole < processors ? whole + 1 : whole;
}

Expected<std::vector<std::uint8_t>> compile_with_llvm(std::span<const std::uint8_t> module, CoreFeatures features,
                                                      const CompileOptions& options) {
  const auto fail = [](std::string why) {
    return std::unexpected(Error{ErrorKind::unsupported, Error::kNoOffset, "cannot compile: " + std::move(why)});
  };
  if (crashed.load())
    return fail("the compiler has crashed in this process before");
  Compilation compilation{options, {}, {}, {}};
  auto& request = compilation.request;
  request.run = run;
  request.give_up = give_up_compiling;
  request.opt_level = options.opt_level;
  request.module = module.data();
  request.module_size = module.size();
  request.features = features.bits();
  request.target = options.target.data();
  request.target_size = options.target.size();
  request.threads = options.threads == 0 ? threads_for(usable_processors()) : options.threads;
  request.guarded = options.guarded;
  request.print_ir = options.print_ir;
  if (!options.functions.empty()) {
    request.functions = options.functions.data();
    request.function_count = options.functions.size();
    request.loops = options.loops.data();
    request.loop_count = options.loops.size();
  }
  request.hot_functions = options.hot_functions.data();
  request.hot_function_count = options.hot_functions.size();
  request.session = options.session != nullptr ? options.session->state() : nullptr;
  request.context = &compilation;
  request.allocate = [](void* context, std::size_t size) {
    auto& image = static_cast<Compilation*>(context)->image;
    image.resize(size);
    return image.data();
  };
  request.fail = [](void* context, const char* message, std::size_t size) {
    static_cast<Compilation*>(context)->failure.assign(message, size);
  };
  if (options.progress) {
    request.progress = [](void* context, std::uint64_t done, std::uint64_t total) {
      static_cast<Compilation*>(context)->options.progress(done, total);
    };
  }
  run_plugin(compilation);
  if (!compilation.succeeded)
    return fail(plugin().compile == nullptr ? plugin().why_not : compilation.failure);
  return std::move(compilation.image);
}

}  // namespace

Expected<std::vector<std::uint8_t>> compile_image(std::span<const std::uint8_t> module, CoreFeatures features,
                                                  const CompileOptions& options) {
  if (!options.functions.empty() || options.print_ir || !baseline::is_available())
    return compile_with_llvm(module, features, options);
  // What LLVM makes at level 1 is no faster than baseline code, and takes some hundred times as long.
  if (options.opt_level < kDefaultLevel && options.hot_functions.empty())
    if (auto image = WZRUN_TRY(compile_all_with_baseline(module, features, options)))
      return *std::move(image);
  if (options.opt_level == kDefaultLevel && (module.size() > kMostBytesForLlvm || options.stress))
    if (auto image = WZRUN_TRY(compile_by_heat(module, features, options)))
      return *std::move(image);
  return compile_with_llvm(module, features, options);
}

}  // namespace wzrun::runtime
