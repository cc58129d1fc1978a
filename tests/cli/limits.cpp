// Options that change what a program may do: memory, stack, features, unknown imports.

#include "cli/process_support.h"

#include <doctest/doctest.h>

#include <string>

namespace wzrun::cli {

// These sanitizers reserve terabytes for themselves.
constexpr bool kHasShadowMemory = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);

TEST_CASE("limits: --max-memory makes growth past it fail") {
  const auto grow = [](const std::string& limit, const std::string& pages) {
    return wzrun({"--max-memory", limit, "--invoke=grow", program("grow"), pages}).out;
  };
  CHECK(grow("1MiB", "15") == "1\n");
  CHECK(grow("1MiB", "16") == "-1\n");
  CHECK(grow("1048575", "15") == "-1\n");
  CHECK(grow("1mb", "14") == "1\n");
  CHECK(grow("1M", "15") == "1\n");
  CHECK(grow("0.5GiB", "8191") == "1\n");
}

TEST_CASE("limits: a module that needs more than --max-memory from the start is refused") {
  const auto run = wzrun({"--max-memory=1MiB", program("large_memory")});
  CHECK(run.status == 125);
  CHECK(run.err.starts_with("wzrun: " + program("large_memory") + ": "));
  CHECK(run.err.find("memory") != std::string::npos);
  CHECK(wzrun({"--max-memory=16MiB", program("large_memory")}).status == 0);
}

TEST_CASE("limits: --max-stack bounds the depth of calls") {
  const auto depth = [](const std::string& stack, const std::string& calls) {
    return wzrun({"--max-stack", stack, "--invoke=depth", program("math"), calls}).status;
  };
  CHECK(depth("64KiB", "100") == 0);
  CHECK(depth("64KiB", "100000") == 134);
  CHECK(depth("64MiB", "100000") == 0);
}

TEST_CASE("limits: deep recursion does not depend on the host's stack") {
  const auto run = Process({"/bin/sh", "-c", "ulimit -s 256; exec \"$0\" --invoke depth \"$1\" 20000", WZRUN_EXECUTABLE,
                            program("math")})
                       .wait();
  CHECK(run.out == "20000\n");
}

TEST_CASE("limits: memory works where address space is scarce" * doctest::skip(kHasShadowMemory)) {
  const auto run = Process({"/bin/sh", "-c", "ulimit -v 1000000; exec \"$0\" --invoke touch \"$1\" 65535",
                            WZRUN_EXECUTABLE, program("grow")})
                       .wait();
  CHECK(run.out == "7\n");
  CHECK(run.err.empty());
  const auto outside = Process({"/bin/sh", "-c", "ulimit -v 1000000; exec \"$0\" --invoke touch \"$1\" 65536",
                                WZRUN_EXECUTABLE, program("grow")})
                           .wait();
  CHECK(outside.status == 134);
}

TEST_CASE("limits: --unknown-imports=trap traps when one is called") {
  const auto run = wzrun({"--unknown-imports=trap", program("imports")});
  CHECK(run.status == 134);
  CHECK(run.err.find("trap: unknown import was called") != std::string::npos);
  CHECK(run.err.find("seven") != std::string::npos);
}

TEST_CASE("limits: --unknown-imports=default returns zero") {
  CHECK(wzrun({"--unknown-imports=default", program("imports")}).status == 0);
}

TEST_CASE("limits: --features adds and removes") {
  CHECK(wzrun({"--features=v2", "--invoke=zero", program("simd")}).status == 0);
  CHECK(wzrun({"--features=v1,+simd", "--invoke=zero", program("simd")}).status == 0);
  CHECK(wzrun({"--features=v3,-simd", "--features", "simd", "--invoke=zero", program("simd")}).status == 0);
}

TEST_CASE("limits: the interpreter by either name") {
  CHECK(wzrun({"--interpreter", program("args")}).status == 0);
  CHECK(wzrun({"--engine=interp", program("args")}).status == 0);
  CHECK(wzrun({"--engine", "auto", program("args")}).status == 0);
}

TEST_CASE("limits: -v says on standard error how long it took") {
  const auto run = wzrun({"-v", program("args")});
  CHECK(run.out == "args.wasm\n");
  CHECK(run.err.find(": loaded after ") != std::string::npos);
  CHECK(run.err.find("ended with status 0 after ") != std::string::npos);
}

}  // namespace wzrun::cli
