#include "wzrun/config.h"

#include <algorithm>

namespace wzrun {

namespace {

template <typename T, typename Member, typename Value>
T changed(const T& config, Member T::* member, Value value) {
  T copy = config;
  copy.*member = std::move(value);
  return copy;
}

}  // namespace

std::string_view to_string(EngineKind kind) {
  switch (kind) {
    case EngineKind::automatic:
      return "auto";
    case EngineKind::llvm:
      return "llvm";
    case EngineKind::interpreter:
      return "interp";
  }
  return "unknown";
}

RuntimeConfig RuntimeConfig::with_features(CoreFeatures features) const {
  return changed(*this, &RuntimeConfig::features_, features);
}
RuntimeConfig RuntimeConfig::with_max_memory_bytes(std::uint64_t bytes) const {
  return changed(*this, &RuntimeConfig::max_memory_bytes_, bytes);
}
RuntimeConfig RuntimeConfig::with_max_table_elements(std::uint64_t count) const {
  return changed(*this, &RuntimeConfig::max_table_elements_, count);
}
RuntimeConfig RuntimeConfig::with_max_instances(std::uint64_t count) const {
  return changed(*this, &RuntimeConfig::max_instances_, count);
}
RuntimeConfig RuntimeConfig::with_max_stack_bytes(std::uint64_t bytes) const {
  return changed(*this, &RuntimeConfig::max_stack_bytes_, bytes);
}
RuntimeConfig RuntimeConfig::with_compile_threads(unsigned threads) const {
  return changed(*this, &RuntimeConfig::compile_threads_, threads);
}
RuntimeConfig RuntimeConfig::with_engine(EngineKind engine) const {
  return changed(*this, &RuntimeConfig::engine_, engine);
}
RuntimeConfig RuntimeConfig::with_opt_level(unsigned level) const {
  return changed(*this, &RuntimeConfig::opt_level_, std::optional(std::min(level, kMaxOptLevel)));
}
RuntimeConfig RuntimeConfig::with_cache(std::shared_ptr<CompilationCache> cache, CacheUse use) const {
  return changed(changed(*this, &RuntimeConfig::cache_use_, use), &RuntimeConfig::cache_, std::move(cache));
}
RuntimeConfig RuntimeConfig::with_precompiled_files(bool allowed) const {
  return changed(*this, &RuntimeConfig::precompiled_files_, allowed);
}
RuntimeConfig RuntimeConfig::with_tier_stress(std::uint64_t seed) const {
  return changed(*this, &RuntimeConfig::tier_stress_, std::optional(seed));
}

RuntimeConfig RuntimeConfig::with_tiering_observer(std::function<void()> observer) const {
  return changed(*this, &RuntimeConfig::tiering_observer_, std::move(observer));
}
RuntimeConfig RuntimeConfig::with_compile_progress(
    std::function<void(std::uint64_t done, std::uint64_t total)> progress) const {
  return changed(*this, &RuntimeConfig::compile_progress_, std::move(progress));
}
RuntimeConfig RuntimeConfig::with_perf_file(PerfFile file) const {
  return changed(*this, &RuntimeConfig::perf_file_, file);
}
RuntimeConfig RuntimeConfig::with_debugger(bool shown) const {
  return changed(*this, &RuntimeConfig::debugger_, shown);
}

FSConfig FSConfig::with_mount(Mount mount) const {
  FSConfig copy = *this;
  const auto same = std::ranges::find(copy.mounts_, mount.guest_path, &Mount::guest_path);
  if (same != copy.mounts_.end())
    *same = std::move(mount);
  else
    copy.mounts_.push_back(std::move(mount));
  return copy;
}
FSConfig FSConfig::with_directory(std::string host_path, std::string guest_path) const {
  return with_mount({.host_path = std::move(host_path), .guest_path = std::move(guest_path)});
}
FSConfig FSConfig::with_read_only_directory(std::string host_path, std::string guest_path) const {
  return with_mount({.host_path = std::move(host_path), .guest_path = std::move(guest_path), .read_only = true});
}
FSConfig FSConfig::with_file(std::string host_path, std::string guest_path) const {
  return with_mount(
      {.source = Mount::Source::file, .host_path = std::move(host_path), .guest_path = std::move(guest_path)});
}
FSConfig FSConfig::with_read_only_file(std::string host_path, std::string guest_path) const {
  return with_mount({.source = Mount::Source::file,
                     .host_path = std::move(host_path),
                     .guest_path = std::move(guest_path),
                     .read_only = true});
}
FSConfig FSConfig::with_file_system(std::shared_ptr<FileNode> root, std::string guest_path) const {
  return with_mount(
      {.source = Mount::Source::file_system, .guest_path = std::move(guest_path), .root = std::move(root)});
}
FSConfig FSConfig::with_read_only_file_system(std::shared_ptr<FileNode> root, std::string guest_path) const {
  return with_mount({.source = Mount::Source::file_system,
                     .guest_path = std::move(guest_path),
                     .read_only = true,
                     .root = std::move(root)});
}

ModuleConfig ModuleConfig::with_max_descriptors(std::uint32_t count) const {
  return changed(*this, &ModuleConfig::max_descriptors_, count);
}
ModuleConfig ModuleConfig::with_name(std::string name) const {
  return changed(*this, &ModuleConfig::name_, std::move(name));
}
ModuleConfig ModuleConfig::with_args(std::vector<std::string> args) const {
  return changed(*this, &ModuleConfig::args_, std::move(args));
}
ModuleConfig ModuleConfig::with_env(std::string key, std::string value) const {
  ModuleConfig copy = *this;
  const auto same = std::ranges::find(copy.env_, key, &std::pair<std::string, std::string>::first);
  if (same != copy.env_.end())
    same->second = std::move(value);
  else
    copy.env_.emplace_back(std::move(key), std::move(value));
  return copy;
}
ModuleConfig ModuleConfig::with_fs(FSConfig fs) const { return changed(*this, &ModuleConfig::fs_, std::move(fs)); }
ModuleConfig ModuleConfig::with_stdin(InputStream stream) const {
  return changed(*this, &ModuleConfig::stdin_, std::move(stream));
}
ModuleConfig ModuleConfig::with_stdout(OutputStream stream) const {
  return changed(*this, &ModuleConfig::stdout_, std::move(stream));
}
ModuleConfig ModuleConfig::with_stderr(OutputStream stream) const {
  return changed(*this, &ModuleConfig::stderr_, std::move(stream));
}
ModuleConfig ModuleConfig::with_listener(HostDescriptor socket) const {
  ModuleConfig copy = *this;
  copy.listeners_.push_back(socket);
  return copy;
}
ModuleConfig ModuleConfig::with_denial_observer(std::function<void(const Denial&)> observer) const {
  return changed(*this, &ModuleConfig::denial_observer_, std::move(observer));
}
ModuleConfig ModuleConfig::with_start_functions(std::vector<std::string> names) const {
  return changed(*this, &ModuleConfig::start_functions_, std::move(names));
}
ModuleConfig ModuleConfig::with_unknown_imports(UnknownImports policy) const {
  return changed(*this, &ModuleConfig::unknown_imports_, policy);
}
ModuleConfig ModuleConfig::with_wall_clock(std::function<std::int64_t()> now_ns) const {
  return changed(*this, &ModuleConfig::wall_clock_, std::move(now_ns));
}
ModuleConfig ModuleConfig::with_monotonic_clock(std::function<std::int64_t()> now_ns) const {
  return changed(*this, &ModuleConfig::monotonic_clock_, std::move(now_ns));
}
ModuleConfig ModuleConfig::with_random(std::function<void(std::uint8_t*, std::size_t)> fill) const {
  return changed(*this, &ModuleConfig::random_, std::move(fill));
}

}  // namespace wzrun
