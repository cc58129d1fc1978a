#include "runtime/compiler_threads.h"

#include "runtime/fault.h"
#include "runtime/trampoline.h"

#include <fmt/format.h>

#include <pthread.h>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <vector>

namespace wzrun::runtime {

namespace {

/// Address space until it is touched.
constexpr std::size_t kStackBytes = 32U << 20;

/// One call of a body.
struct Call {
  const std::function<void(std::uint32_t)>* body = nullptr;
  std::uint32_t number = 0;
  void* landing = nullptr;
  char why[200] = {};  ///< it failed, if not empty; written in signal handlers too

  void fail(const char* reason) { std::snprintf(why, sizeof why, "%s", reason); }
};

[[gnu::tls_model("initial-exec")]] constinit thread_local Call* present = nullptr;

WZRUN_ABANDONED void run_body(void* argument) {
  auto& call = *static_cast<Call*>(argument);
  try {
    (*call.body)(call.number);
  } catch (const std::bad_alloc&) {
    call.fail("not enough memory");
  } catch (const std::exception& exception) {
    call.fail(exception.what());
  }
}

void* run(void* argument) {
  auto& call = *static_cast<Call*>(argument);
  have_signal_stack();
  auto* const outer = std::exchange(present, &call);
  wzrun_land(&call.landing, run_body, &call);
  present = outer;
  return nullptr;
}

/// Starts a thread; false if the host gives none.
bool start(Call& call, pthread_t& thread) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0)
    return false;
  const bool started =
      pthread_attr_setstacksize(&attributes, kStackBytes) == 0 && pthread_create(&thread, &attributes, run, &call) == 0;
  pthread_attr_destroy(&attributes);
  return started;
}

}  // namespace

void run_compiler_threads(std::uint32_t count, const std::function<void(std::uint32_t number)>& body,
                          const std::function<void(std::uint32_t number, const char* why)>& failed) {
  watch_compiler();
  std::vector<Call> calls(count);
  std::vector<pthread_t> threads;
  for (std::uint32_t number = 0; number < count; ++number) {
    calls[number].body = &body;
    calls[number].number = number;
    pthread_t thread{};
    if (!start(calls[number], thread))
      break;
    threads.push_back(thread);
  }
  if (threads.empty())
    run(&calls.front());
  for (const auto thread : threads)
    pthread_join(thread, nullptr);
  for (const auto& call : calls)
    if (call.why[0] != '\0')
      failed(call.number, call.why);
}

void give_up_compiling(const char* why) {
  if (present == nullptr)
    return;
  present->fail(why);
  wzrun_leave(present->landing);
}

void* compiler_crash(int signal) {
  if (present == nullptr)
    return nullptr;
  constexpr char kText[] = "signal ";
  auto* to = present->why;
  std::memcpy(to, kText, sizeof kText);
  to += sizeof kText - 1;
  if (signal >= 10)
    *to++ = static_cast<char>('0' + signal / 10);
  *to++ = static_cast<char>('0' + signal % 10);
  *to = '\0';
  return present->landing;
}

}  // namespace wzrun::runtime
