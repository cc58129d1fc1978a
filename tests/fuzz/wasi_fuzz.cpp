// Makes a sequence of WASI calls of the input, and runs it in a scratch directory: with openat2 or without, on files,
// FIFOs, links that lead out, and a socket. Whatever the calls: nothing outside is read or changed, nothing in the
// read-only directory is changed, every errno is one of WASI's, and no descriptor is left open.
#include "tests/forbid_syscall.h"
#include "tests/fuzz/wasi/calls_module.h"
#include "tests/fuzz/wasi/scratch.h"
#include "wasi/owned_fd.h"
#include "wzrun/runtime.h"
#include "wzrun/wasi.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>

using namespace wzrun;
using namespace wzrun::fuzz;
using wasi::OwnedFd;

namespace {

constexpr int kMaxCalls = 64;
constexpr auto kPatience = std::chrono::milliseconds{20};  // for calls that wait
constexpr std::uint64_t kPatienceAfterMs = 60'000;         // once they were interrupted
constexpr rlim_t kMaxFileBytes = 16 << 20;                 // so that nothing fills the disk

// Paths and their neighbours in the program's memory, at the beginning of page 3. A call names one by its number.
constexpr std::uint32_t kTexts = 3 << 16;
constexpr std::uint32_t kTextBytes = 64;
constexpr std::string_view kPaths[] = {"file",
                                       "dir",
                                       "new",
                                       "up",
                                       "up/secret",
                                       "absolute",
                                       "absolute/secret",
                                       "..",
                                       ".",
                                       "dir/inner",
                                       "to_file",
                                       "to_dir",
                                       "to_dir/..",
                                       "dir/../../outside/secret",
                                       "../outside",
                                       "/",
                                       "dir/",
                                       "file/",
                                       "fifo",
                                       "ring",
                                       "dir/new",
                                       "to_dir/./",
                                       "new/../..",
                                       "up/",
                                       "up/new",
                                       "../root/file",
                                       "link",
                                       "link/secret",
                                       "dir//inner/",
                                       "new/secret",
                                       "../outside/secret",
                                       "absolute/../outside/secret"};

[[noreturn]] void violated(const std::string& what) {
  std::fprintf(stderr, "violated: %s\n", what.c_str());
  std::abort();
}

/// Hands out the input; zeros once it is used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool ended() const { return at_ >= size_; }
  std::uint8_t byte() { return ended() ? std::uint8_t{0} : data_[at_++]; }
  std::uint64_t number(int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i)
      value |= std::uint64_t{byte()} << (8 * i);
    return value;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

/// Arguments of one call.
class Arguments {
 public:
  explicit Arguments(Input& input) : input_(input) {}

  std::uint32_t narrow() {
    if (length_) {  // of the path just named
      const auto length = *length_;
      length_.reset();
      return length;
    }
    const auto tag = input_.byte();
    if (tag < 0x40)  // a descriptor, flag or count
      return tag & 0x1f;
    if (tag < 0x80) {
      const auto path = (tag & 0x3fU) % std::size(kPaths);
      length_ = static_cast<std::uint32_t>(kPaths[path].size());
      return kTexts + static_cast<std::uint32_t>(path) * kTextBytes;
    }
    if (tag < 0xc0)  // an address that is inside
      return (tag & 0x3fU) * 1024;
    if (tag < 0xe0)
      return static_cast<std::uint32_t>(input_.number(2));
    if (tag < 0xf0)
      return (kMemoryPages << 16) - (tag & 0xfU);
    if (tag < 0xf8)
      return ~std::uint32_t{0} - (tag & 0x7U);
    return static_cast<std::uint32_t>(input_.number(4));
  }
  std::uint64_t wide() {
    const auto tag = input_.byte();
    if (tag < 0x40)
      return tag;
    if (tag < 0xa0)
      return (1U << 30) - 1;  // all rights
    if (tag < 0xc0)
      return std::uint64_t{1} << (tag & 0x1f);
    if (tag < 0xd0)
      return ~std::uint64_t{0} - (tag & 0xfU);
    if (tag < 0xe0)
      return (std::uint64_t{1} << 63) - (tag & 0xfU);
    return input_.number(tag < 0xf0 ? 4 : 8);
  }

 private:
  Input& input_;
  std::optional<std::uint32_t> length_;
};

/// A runtime with WASI.
struct Host {
  Runtime runtime{RuntimeConfig{}.with_compile_threads(1)};
  std::optional<CompiledModule> code;
  bool interrupted = false;

  Host() {
    static const auto module_bytes = CallsModule{}.encode();
    auto compiled = runtime.compile(ModuleBytes::borrow(module_bytes));
    if (!compiled || !wasi::instantiate(runtime))
      violated("the module cannot be run");
    code = *std::move(compiled);
  }
};

std::unique_ptr<Host> host;  // of the input that runs

/// Ends calls that wait. One thread looks at all inputs, as waking it for each would take longer than most of them.
class Watchdog {
 public:
  static Watchdog& get() {
    static auto* const watchdog = new Watchdog;  // its thread lasts as long as the process
    return *watchdog;
  }
  void begin() {
    const std::lock_guard lock{mutex_};
    began_ = std::chrono::steady_clock::now();
  }
  void end() {
    const std::lock_guard lock{mutex_};
    began_.reset();
  }

 private:
  Watchdog() {
    std::thread{[this] {
      for (;;) {
        std::this_thread::sleep_for(kPatience / 2);
        look();
      }
    }}.detach();
  }
  void look() {
    const std::lock_guard lock{mutex_};
    if (!began_ || host->interrupted || std::chrono::steady_clock::now() - *began_ < kPatience)
      return;
    host->interrupted = true;
    if (!host->runtime.interrupt(kPatienceAfterMs))
      violated("a call did not return when it was interrupted");
  }

  std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> began_;
};

std::span<std::uint8_t> prepare_memory(const Memory& memory) {
  const auto bytes = *memory.range(0, memory.size());
  for (std::size_t i = 0; i < std::size(kPaths); ++i)
    std::ranges::copy(kPaths[i], bytes.begin() + kTexts + static_cast<std::ptrdiff_t>(i * kTextBytes));
  return bytes;
}

void write_bytes(Input& input, std::span<std::uint8_t> memory) {
  auto at = Arguments{input}.narrow() % memory.size();
  for (auto count = input.byte() % 64; count-- > 0; at = (at + 1) % memory.size())
    memory[at] = input.byte();
}

/// False once the program has ended.
bool call_one(Input& input, const Module& module) {
  const auto index = input.byte() % wasi_functions().size();
  const auto& signature = wasi_functions()[index];
  Arguments arguments{input};
  std::vector<Value> values;
  values.reserve(signature.wide.size());
  for (const bool wide : signature.wide)
    values.push_back(wide ? Value::i64(arguments.wide()) : Value::i32(arguments.narrow()));
  const auto result = module.exported_function(export_name(index))->call(values);
  if (!result)
    return false;
  if (signature.returns && result->front().i32() > static_cast<std::uint32_t>(wasi::Errno::notcapable))
    violated(std::string{signature.name} + " answered " + std::to_string(result->front().i32()));
  return true;
}

ModuleConfig config_of(const Scratch& scratch, int input, bool read_only_first) {
  FSConfig mounts;
  if (read_only_first)
    mounts = mounts.with_read_only_directory(scratch.read_only(), "/ro");
  mounts = mounts.with_directory(scratch.root(), "/");
  if (!read_only_first)
    mounts = mounts.with_read_only_directory(scratch.read_only(), "/ro");
  return ModuleConfig{}
      .with_args({"program", "argument"})
      .with_env("KEY", "value")
      .with_fs(mounts)
      .with_stdin(HostDescriptor{input})
      .with_stdout(OutputText{std::make_shared<std::string>()});
}

/// A stream socket with some bytes to read, and its peer.
std::pair<OwnedFd, OwnedFd> socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0 || ::send(ends[1], "hello", 5, 0) != 5)
    std::abort();
  return {OwnedFd{ends[0]}, OwnedFd{ends[1]}};
}

void run_program(Input& input) {
  const Scratch scratch;
  const auto choice = input.byte();
  const auto [socket, peer] = socket_pair();
  const auto instance = host->runtime.instantiate(*host->code, config_of(scratch, socket.get(), (choice & 2) != 0));
  if (!instance)
    violated("the module cannot be instantiated");
  const auto memory = prepare_memory(*instance->exported_memory("memory"));
  Watchdog::get().begin();
  constexpr std::uint8_t kWrites = 0xe0;  // from here on, bytes of the input go to memory
  for (int calls = 0; calls < kMaxCalls && !input.ended(); ++calls) {
    const auto what = input.byte();
    if (what >= kWrites)
      write_bytes(input, memory);
    else if (!call_one(input, *instance))
      break;
  }
  Watchdog::get().end();
  if (std::ranges::search(memory, scratch.secret()).begin() != memory.end())
    violated("the program has read what lies outside");
  if (const auto what = scratch.changes(); !what.empty())
    violated("changed: " + what);
}

/// A thread that has no openat2.
class Filtered {
 public:
  static Filtered& get() {
    static auto* const filtered = new Filtered;  // its thread lasts as long as the process
    return *filtered;
  }
  void run(Input& input) {
    std::unique_lock lock{mutex_};
    input_ = &input;
    changed_.notify_all();
    changed_.wait(lock, [this] { return input_ == nullptr; });
  }

 private:
  Filtered() {
    std::thread{[this] {
      if (!test::forbid_syscall(SYS_openat2, EPERM))
        violated("there is no seccomp");
      std::unique_lock lock{mutex_};
      for (;;) {
        changed_.wait(lock, [this] { return input_ != nullptr; });
        run_program(*input_);
        input_ = nullptr;
        changed_.notify_all();
      }
    }}.detach();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Input* input_ = nullptr;
};

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(all, {}));
}

bool prepare_process() {
  const rlimit limit{kMaxFileBytes, kMaxFileBytes};
  std::signal(SIGXFSZ, SIG_IGN);  // for the files of the fuzzer itself
  std::signal(SIGPIPE, [](int) { violated("the process got SIGPIPE"); });
  return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool prepared = prepare_process();
  if (!prepared)
    std::abort();
  Input input{data, size};
  const bool walks = (input.byte() & 1) != 0;
  const auto before = open_descriptors();
  host = std::make_unique<Host>();
  if (walks)
    Filtered::get().run(input);
  else
    run_program(input);
  host.reset();
  if (open_descriptors() != before)
    violated("descriptors are left open");
  return 0;
}
