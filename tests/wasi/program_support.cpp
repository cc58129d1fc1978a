#include "wasi/program_support.h"

#include "tests/test_engine.h"
#include "wasi/owned_fd.h"
#include "wzrun/runtime.h"
#include "wzrun/wasi.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <variant>

namespace wzrun::test {
namespace {

using wasi::OwnedFd;

struct Pipe {
  OwnedFd read;
  OwnedFd write;

  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    read = OwnedFd{ends[0]};
    write = OwnedFd{ends[1]};
    ::fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
  }
  /// What was written; nobody can write any more.
  std::string take() {
    write = OwnedFd{};
    std::string text;
    char part[4096];
    for (ssize_t size = 0; (size = ::read(read.get(), part, sizeof part)) > 0;)
      text.append(part, static_cast<std::size_t>(size));
    return text;
  }
};

/// Interrupts a runtime that has not come to its end in time.
class Watchdog {
 public:
  Watchdog(Runtime& runtime, std::chrono::milliseconds patience)
      : thread_([this, &runtime, patience] {
          std::unique_lock lock{mutex_};
          if (!ended_.wait_for(lock, patience, [this] { return has_ended_; }))
            runtime.interrupt(1000);
        }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock{mutex_};
      has_ended_ = true;
    }
    ended_.notify_one();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool has_ended_ = false;
  std::thread thread_;
};

void conclude(Outcome& outcome, const Halt& halt) {
  constexpr std::uint32_t kTrapped = 134;
  constexpr std::uint32_t kFailed = 125;
  if (const auto* exit = std::get_if<Exit>(&halt)) {
    outcome.status = exit->code;
    return;
  }
  const auto* trap = std::get_if<Trap>(&halt);
  outcome.status = trap != nullptr ? kTrapped : kFailed;
  outcome.trap = trap != nullptr ? trap->to_string() : std::get<Error>(halt).to_string();
}

}  // namespace

Outcome run_program(const std::filesystem::path& module, ModuleConfig config, Input input,
                    std::chrono::milliseconds patience) {
  Pipe in;
  Pipe out;
  Pipe err;
  if (input == Input::ended)
    in.write = OwnedFd{};
  if (input != Input::configured)
    config = config.with_stdin(HostDescriptor{in.read.get()});
  Runtime runtime;
  auto bytes = ModuleBytes::from_file(module.string());
  REQUIRE_MESSAGE(bytes, module.string());
  const auto code = runtime.compile(*std::move(bytes));
  REQUIRE_MESSAGE(code, code.error().to_string());
  for_test_engine(*code, true);
  REQUIRE(wasi::instantiate(runtime));
  Outcome outcome;
  {
    const Watchdog watchdog{runtime, patience};
    const auto instance = runtime.instantiate(*code, config.with_stdout(HostDescriptor{out.write.get()})
                                                         .with_stderr(HostDescriptor{err.write.get()})
                                                         .with_start_functions({"_start"}));
    if (!instance)
      conclude(outcome, instance.error());
  }
  outcome.output = out.take();
  outcome.errors = err.take();
  return outcome;
}

}  // namespace wzrun::test
