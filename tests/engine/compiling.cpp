// The compiler as the library calls it.

#include "engine/engine_support.h"
#include "runtime/compiler.h"

#include <pthread.h>
#include <unistd.h>
#include <algorithm>
#include <functional>

namespace wzrun::engine {
namespace {

void on_small_stack(std::size_t bytes, const std::function<void()>& body) {
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, bytes) == 0);
  pthread_t thread{};
  const auto run = [](void* argument) -> void* {
    (*static_cast<const std::function<void()>*>(argument))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, run, const_cast<std::function<void()>*>(&body)) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace

TEST_CASE("compiling: works on a thread with a small stack, and gives the same image on any number of threads") {
  const auto module = module_bytes("bench/json");
  std::vector<std::uint8_t> images[3];
  for (unsigned threads = 1; threads <= 3; ++threads)
    on_small_stack(std::max(std::size_t{64} << 10, static_cast<std::size_t>(sysconf(_SC_THREAD_STACK_MIN))), [&] {
      runtime::CompileOptions options;
      options.threads = threads;
      options.opt_level = 1;
      if (auto image = runtime::compile_image(module, CoreFeatures::V3, options))
        images[threads - 1] = *std::move(image);
    });
  CHECK_FALSE(images[0].empty());
  CHECK(images[1] == images[0]);
  CHECK(images[2] == images[0]);
}

}  // namespace wzrun::engine
