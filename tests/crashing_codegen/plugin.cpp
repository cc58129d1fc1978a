// A libwzrun-codegen.so that crashes as $CRASH says.
#include "runtime/codegen_plugin.h"

#include <csignal>
#include <cstdlib>
#include <string_view>

namespace {

int overflow(volatile int* depth) {
  volatile char frame[4096];
  frame[*depth % 4096] = 1;
  *depth = *depth + 1;
  return *depth < 0 ? 0 : overflow(depth) + frame[0];
}

void crash(std::string_view how, const wzrun::runtime::CodegenRequest& request) {
  volatile int depth = 0;
  if (how == "segv")
    *static_cast<volatile int*>(nullptr) = 1;  // NOLINT: meant
  if (how == "ill")
    __builtin_trap();
  if (how == "overflow")
    overflow(&depth);
  if (how == "fatal")
    request.give_up("cannot select");
  if (how == "abort")
    std::abort();
}

}  // namespace

extern "C" [[gnu::visibility("default")]] bool wzrun_codegen_compile(const wzrun::runtime::CodegenRequest* request) {
  const std::string_view how = std::getenv("CRASH");
  if (how != "thread") {
    crash(how, *request);
    return false;
  }
  static constexpr std::string_view kWhy = "the compiler crashed in one of its threads";
  request->run(
      4, [](void*, std::uint32_t number) { raise(number == 2 ? SIGSEGV : 0); },
      [](void* argument, std::uint32_t, const char*) {
        const auto& failed = *static_cast<const wzrun::runtime::CodegenRequest*>(argument);
        failed.fail(failed.context, kWhy.data(), kWhy.size());
      },
      const_cast<wzrun::runtime::CodegenRequest*>(request));
  return false;
}
