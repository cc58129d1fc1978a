// Compiled code and its cache, as people and machines treat them.

#include "cli/process_support.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace wzrun::cli {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A cache of its own, and wzrun with it.
class Cached {
 public:
  std::string path() const { return folder_ / "cache"; }
  std::vector<std::string> environment() const { return {"WZRUN_CACHE_DIR=" + path()}; }
  Outcome run(const std::vector<std::string>& arguments) const {
    return wzrun(arguments, {.environment = environment()});
  }
  std::vector<std::string> entries() const {
    std::vector<std::string> list;
    std::error_code ignored;
    for (const auto& file : std::filesystem::directory_iterator(path(), ignored)) {
      if (file.path().extension() == ".wzrun")
        list.push_back(file.path());
    }
    return list;
  }
  std::string operator/(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
};

/// 42, whatever runs it.
const std::vector<std::string> kAdd = {"--invoke=add", program("math"), "40", "2"};

std::vector<std::string> with(std::vector<std::string> options, const std::vector<std::string>& command = kAdd) {
  options.insert(options.end(), command.begin(), command.end());
  return options;
}

void overwrite(const std::string& path, std::size_t offset, char byte) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
}

}  // namespace

TEST_CASE("caching: nothing is compiled or kept unless it is asked for") {
  const Cached cached;
  const auto run = cached.run(with({"-v"}));
  CHECK(run.out == "42\n");
  CHECK(contains(run.err, "engine interp, cache miss: the cache is empty\n"));
  CHECK_FALSE(std::filesystem::exists(cached.path()));
}

TEST_CASE("caching: what was compiled is used from then on") {
  const Cached cached;
  const auto compiled = cached.run({"compile", program("math")});
  CHECK(compiled.status == 0);
  CHECK(compiled.out.empty());
  CHECK(compiled.err.empty());
  const auto run = cached.run(with({"-v"}));
  CHECK(run.out == "42\n");
  CHECK(contains(run.err, "engine llvm, cache hit\n"));
  CHECK(contains(cached.run(with({"-v", "--engine=interp"})).err, "engine interp, cache not used: --engine interp\n"));
  CHECK(contains(cached.run({"compile", "-v", program("math")}).err, "in the cache already"));
}

TEST_CASE("caching: no program waits for its digest if the cache has nothing of that size; a copy's is made") {
  const Cached cached;
  REQUIRE(cached.run({"compile", program("math")}).status == 0);
  const auto copy = cached / "copy.wasm";
  std::filesystem::copy_file(program("math"), copy);
  const auto other = cached / "other.wasm";
  std::ofstream(other, std::ios::binary) << read_file(copy) << std::string("\0\1\0", 3);
  const auto run = [&](const std::string& module, const std::string& option) {
    return cached.run({option, "--stats", "--invoke=add", module, "40", "2"});
  };
  const auto first = run(other, "--engine=auto");
  CHECK(first.out == "42\n");
  CHECK(contains(first.err, "cache miss: not in the cache\n"));
  CHECK_FALSE(contains(first.err, "  hash "));
  const auto known = run(copy, "--engine=auto");
  CHECK(contains(known.err, "cache hit\n"));
  CHECK(contains(known.err, "  hash "));
  CHECK(contains(run(other, "--engine=llvm").err, "  hash "));
}

TEST_CASE("caching: --engine llvm compiles now and keeps it") {
  const Cached cached;
  const auto first = cached.run(with({"-v", "--engine=llvm"}));
  CHECK(first.out == "42\n");
  CHECK(contains(first.err, "engine llvm, cache miss: the cache is empty; it is now\n"));
  CHECK(contains(cached.run(with({"-v", "--engine=llvm"})).err, "engine llvm, cache hit\n"));
  CHECK(contains(cached.run(with({"-v"})).err, "engine llvm, cache hit\n"));
}

TEST_CASE("caching: code of other options is not used") {
  const Cached cached;
  REQUIRE(cached.run({"compile", "--opt=1", program("math")}).status == 0);
  CHECK(contains(cached.run(with({"-v"})).err, "engine interp, cache miss: not in the cache\n"));
  CHECK(contains(cached.run(with({"-v", "--opt=1"})).err, "engine llvm, cache hit\n"));
  CHECK(contains(cached.run(with({"-v", "--opt=1", "--features=all"})).err, "engine interp, cache miss"));
}

TEST_CASE("caching: a cached run loads neither the compiler nor what it can do without") {
  const Cached cached;
  auto environment = cached.environment();
  environment.emplace_back("LD_DEBUG=files");
  const auto libraries = [&](const std::vector<std::string>& options) {
    return wzrun(with(options), {.environment = environment}).err;
  };
  CHECK(contains(libraries({"--engine=llvm"}), "libwzrun-codegen.so"));
  const auto cached_run = libraries({"--engine=llvm"});
  CHECK(contains(cached_run, "libc.so"));
  CHECK_FALSE(contains(cached_run, "libwzrun-codegen.so"));
  CHECK_FALSE(contains(cached_run, "LLVM"));
#ifdef NDEBUG  // optimised: rounding is an instruction
  CHECK_FALSE(contains(cached_run, "libm.so"));
#endif
}

TEST_CASE("caching: a file that changed is another module, however soon after") {
  const Cached cached;
  const auto module = cached / "module.wasm";
  const auto original = read_file(program("math"));
  std::filesystem::copy_file(program("math"), module);
  const auto run = [&] { return cached.run({"--engine=llvm", "--invoke=add", module, "40", "2"}); };
  CHECK(run().out == "42\n");
  CHECK(run().out == "42\n");
  // add becomes sub: the same size, and within the clock's tick the same times.
  auto changed = original;
  const auto add = changed.find(std::string("\x20\x00\x20\x01\x6a", 5));
  REQUIRE(add != std::string::npos);
  changed[add + 4] = '\x6b';
  write_file(module, changed);
  CHECK(run().out == "38\n");
  write_file(module, original);
  CHECK(run().out == "42\n");
}

TEST_CASE("caching: --cache=ro and off keep nothing, off ignores what is there") {
  const Cached cached;
  CHECK(cached.run(with({"--engine=llvm", "--cache=ro"})).out == "42\n");
  CHECK(cached.run(with({"--engine=llvm", "--cache=off"})).out == "42\n");
  CHECK_FALSE(std::filesystem::exists(cached.path()));
  REQUIRE(cached.run({"compile", program("math")}).status == 0);
  CHECK(contains(cached.run(with({"-v", "--cache=off"})).err, "engine interp, cache not used: switched off\n"));
  CHECK(contains(cached.run(with({"-v", "--cache=ro"})).err, "cache hit\n"));
  auto environment = cached.environment();
  environment.emplace_back("WZRUN_CACHE=off");
  CHECK(contains(wzrun(with({"-v"}), {.environment = environment}).err, "switched off"));
  CHECK(contains(wzrun(with({"-v", "--cache=rw"}), {.environment = environment}).err, "cache hit"));
}

TEST_CASE("caching: --cache=require runs nothing but compiled code") {
  const Cached cached;
  const auto refused = cached.run(with({"--cache=require"}));
  CHECK(refused.status == 125);
  CHECK(refused.out.empty());
  CHECK(contains(refused.err, "wzrun compile " + program("math") + "\n"));
  CHECK(wzrun(with({"--cache=require"})).status == 125);  // without HOME
  REQUIRE(cached.run({"compile", program("math")}).status == 0);
  CHECK(cached.run(with({"--cache=require"})).out == "42\n");
  CHECK(contains(cached.run({"cache", "stat"}).out, "\nhits         1\n"));  // and the entry is not read whole again
  CHECK(cached.run(with({"--cache=ro"})).out == "42\n");
  CHECK(contains(cached.run({"cache", "stat"}).out, "\nhits         1\n"));

  const auto digests =
      std::filesystem::path(cached.path()) / "modules";  // by which a module is known without reading it
  REQUIRE(std::filesystem::remove(digests));
  CHECK(cached.run(with({"--cache=ro"})).out == "42\n");
  CHECK(!std::filesystem::exists(digests));
  CHECK(cached.run(with({"--cache=require"})).out == "42\n");
  CHECK(std::filesystem::exists(digests));
}

TEST_CASE("caching: without HOME, programs run and -v says why nothing is kept") {
  const auto run = wzrun(with({"-v", "--engine=llvm"}));
  CHECK(run.out == "42\n");
  CHECK(contains(run.err, "cache not used: no cache directory: HOME is not set\n"));
  const auto compiled = wzrun({"compile", program("math")});
  CHECK(compiled.status == 125);
  CHECK(compiled.err == "wzrun: no cache directory: HOME is not set\n");
}

TEST_CASE("caching: a directory that others may write to is refused with a warning, and the run goes on") {
  const Cached cached;
  std::filesystem::create_directory(cached.path());
  REQUIRE(chmod(cached.path().c_str(), 0777) == 0);
  const auto run = cached.run(with({"--engine=llvm"}));
  CHECK(run.status == 0);
  CHECK(run.out == "42\n");
  CHECK(run.err ==
        "wzrun: cache directory " + cached.path() + ": others may write to it (mode 777); going on without it\n");
  CHECK(std::filesystem::is_empty(cached.path()));
}

TEST_CASE("caching: sixteen processes on an empty cache give sixteen right answers and one entry") {
  const Cached cached;
  std::vector<std::unique_ptr<Process>> processes;
  processes.reserve(16);
  for (int i = 0; i < 16; i++)
    processes.push_back(std::make_unique<Process>(
        wzrun_command(i % 2 == 0 ? with({"--engine=llvm"}) : std::vector<std::string>{"compile", program("math")}),
        Setting{.environment = cached.environment()}));
  for (int i = 0; i < 16; i++) {
    const auto outcome = processes[static_cast<std::size_t>(i)]->wait();
    CHECK(outcome.status == 0);
    CHECK(outcome.out == (i % 2 == 0 ? "42\n" : ""));
    CHECK(outcome.err.empty());
  }
  CHECK(cached.entries().size() == 1);
}

TEST_CASE("caching: killed while compiling and storing, it leaves a cache in which runs are right") {
  const Cached cached;
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::minstd_rand random(seed);
  for (int round = 0; round < 60; round++) {
    CAPTURE(round);
    {
      Process process(wzrun_command({"compile", program("math")}), {.environment = cached.environment()});
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 120'000));
      process.signal(SIGKILL);
      process.wait();
    }
    REQUIRE(cached.run(kAdd).out == "42\n");
    for (const auto& entry : cached.entries())
      std::filesystem::remove(entry);
  }
  CHECK(cached.run(with({"--engine=llvm"})).out == "42\n");
  CHECK(cached.entries().size() == 1);
}

TEST_CASE("caching: a damaged entry gives the right answer and is replaced") {
  const Cached cached;
  REQUIRE(cached.run({"compile", program("math")}).status == 0);
  REQUIRE(cached.entries().size() == 1);
  const auto entry = cached.entries().front();
  const auto whole = read_file(entry);
  const auto check = [&] {
    const auto run = cached.run(with({"-v"}));
    REQUIRE(run.out == "42\n");
    REQUIRE(contains(run.err, "engine interp, cache miss: the entry is damaged\n"));
    REQUIRE(cached.run(with({"--engine=llvm"})).out == "42\n");
    REQUIRE(read_file(entry) == whole);
  };
  for (std::size_t i = 0; i < whole.size(); i += 1 + whole.size() / 50) {
    CAPTURE(i);
    overwrite(entry, i, static_cast<char>(whole[i] ^ 0x10));
    check();
    std::filesystem::resize_file(entry, i);
    check();
  }
}

TEST_CASE("caching: precompiled files run only when allowed") {
  const Cached cached;
  const auto file = cached / "math.wzrun";
  REQUIRE(cached.run({"compile", "-o", file, program("math")}).status == 0);
  CHECK_FALSE(std::filesystem::exists(cached.path()));
  const std::vector<std::string> call = {"--invoke=add", file, "40", "2"};
  const auto refused = wzrun(call);
  CHECK(refused.status == 125);
  CHECK(refused.err == "wzrun: " + file +
                           ": a precompiled file: it holds native code that can do all that you can; "
                           "--allow-precompiled runs it\n");
  const auto run = wzrun(with({"-v", "--allow-precompiled"}, call));
  CHECK(run.out == "42\n");
  CHECK(contains(run.err, "engine llvm"));
  CHECK(wzrun(with({"--allow-precompiled", "--cache=require"}, call)).out == "42\n");

  const auto other = wzrun(with({"--allow-precompiled", "--opt=1"}, call));
  CHECK(other.status == 125);
  CHECK(contains(other.err, "precompiled for something else: compiled code: made for \"opt 2\", this is \"opt 1\"\n"));
  CHECK(contains(wzrun({"compile", "-o", cached / "x", file}).err, "is precompiled already"));
}

TEST_CASE("caching: code of a better level than the usual one is used, and no other, unless a level is asked for") {
  const Cached cached;
  const auto is_hit = [&](std::vector<std::string> options) {
    const auto run =
        cached.run(with(std::move(options), {"--cache=require", "--invoke=add", program("math"), "40", "2"}));
    CHECK(run.status == (run.out == "42\n" ? 0 : 125));
    return run.out == "42\n";
  };
  REQUIRE(cached.run({"compile", "--opt=1", program("math")}).status == 0);
  CHECK(is_hit({"--opt=1"}));
  CHECK_FALSE(is_hit({}));
  REQUIRE(cached.run({"compile", "--opt=3", program("math")}).status == 0);
  CHECK(is_hit({}));
  CHECK(is_hit({"--opt=3"}));
  CHECK_FALSE(is_hit({"--opt=2"}));
  const auto file = cached / "math.wzrun";
  REQUIRE(cached.run({"compile", "--opt=3", "-o", file, program("math")}).status == 0);
  CHECK(wzrun({"--allow-precompiled", "--invoke=add", file, "40", "2"}).out == "42\n");
}

TEST_CASE("caching: compile --output replaces nothing but files") {
  const Cached cached;
  const auto pipe = cached / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const auto run = cached.run({"compile", "--output", pipe, program("math")});
  CHECK(run.status == 125);
  CHECK(run.err == "wzrun: " + pipe + ": File exists\n");
  CHECK(std::filesystem::is_fifo(pipe));
}

TEST_CASE("caching: a damaged precompiled file is an error") {
  const Cached cached;
  const auto file = cached / "math.wzrun";
  REQUIRE(cached.run({"compile", "-o", file, program("math")}).status == 0);
  const auto whole = read_file(file);
  const auto damaged = cached / "damaged";
  const auto status = [&](const std::string& bytes) {
    write_file(damaged, bytes);
    const auto run = wzrun({"--allow-precompiled", "--invoke=add", damaged, "40", "2"});
    CHECK(run.out.empty());
    CHECK(std::ranges::count(run.err, '\n') == 1);
    return run.status;
  };
  for (std::size_t i = 0; i < whole.size(); i += 1 + whole.size() / 80) {
    CAPTURE(i);
    auto bytes = whole;
    bytes[i] = static_cast<char>(~bytes[i]);
    CHECK(status(bytes) == 125);
    CHECK(status(whole.substr(0, i)) == 125);
  }
}

TEST_CASE("caching: code in a module's custom section is bytes like any other") {
  const Cached cached;
  const auto file = cached / "math.wzrun";
  REQUIRE(cached.run({"compile", "-o", file, program("math")}).status == 0);
  auto module = read_file(program("math"));
  const auto code = std::string("\x05wzrun") + read_file(file);
  module += '\0';
  for (auto size = code.size(); size != 0; size >>= 7)
    module += static_cast<char>((size & 0x7f) | (size >= 0x80 ? 0x80 : 0));
  write_file(cached / "with_code.wasm", module + code);
  const auto run = cached.run({"-v", "--allow-precompiled", "--invoke=add", cached / "with_code.wasm", "40", "2"});
  CHECK(run.out == "42\n");
  CHECK(contains(run.err, "engine interp"));
}

TEST_CASE("caching: compile goes on after a module that is not valid") {
  const Cached cached;
  write_file(cached / "bad.wasm", "nonsense");
  const auto run = cached.run({"compile", cached / "bad.wasm", program("math"), cached / "absent.wasm"});
  CHECK(run.status == 125);
  CHECK(run.err.starts_with("wzrun: " + (cached / "bad.wasm") + ": 0x0: "));
  CHECK(contains(run.err, "absent.wasm: No such file or directory"));
  CHECK(cached.entries().size() == 1);
  CHECK(cached.run({"compile", "-o", cached / "x", program("math"), program("args")}).err ==
        "wzrun: --output takes one module: see wzrun compile --help\n");
}

TEST_CASE("caching: --stats tells the phases of the start") {
  const Cached cached;
  REQUIRE(cached.run({"compile", program("math")}).status == 0);
  const auto text = cached.run(with({"--stats"}));
  CHECK(text.out == "42\n");
  for (const auto* part : {"engine llvm, cache hit\n", "  first instruction ", "  peak memory "})
    CHECK(contains(text.err, part));
  const auto stats = nlohmann::json::parse(cached.run(with({"--stats=json"})).err);
  CHECK(stats["engine"] == "llvm");
  CHECK(stats["cache"] == "hit");
  CHECK(stats["status"] == 0);
  CHECK(stats["first_instruction_ms"].get<double>() > 0);
  CHECK(stats["phases"].size() >= 4);
  const auto interpreted = nlohmann::json::parse(cached.run(with({"--stats=json", "--engine=interp"})).err);
  CHECK(interpreted["engine"] == "interp");
}

TEST_CASE("caching: the cache command shows, checks and cleans") {
  const Cached cached;
  CHECK(cached.run({"cache", "dir"}).out == cached.path() + "\n");
  CHECK(cached.run({"cache", "list"}).out.empty());
  REQUIRE(cached.run({"compile", program("math"), program("args")}).status == 0);
  REQUIRE(cached.run(kAdd).status == 0);

  const auto list = cached.run({"cache", "list"}).out;
  CHECK(list.starts_with("KEY "));
  CHECK(contains(list, "  math.wasm\n"));
  CHECK(contains(list, "  args.wasm\n"));
  CHECK(contains(cached.run({"cache", "list", "--full"}).out, "opt 2"));
  const auto stat = cached.run({"cache", "stat"}).out;
  CHECK(contains(stat, "\nentries      2\n"));
  CHECK(contains(stat, "\nhits         1\n"));

  CHECK(cached.run({"cache", "verify"}).out == "2 of 2 entries are intact\n");
  overwrite(cached.entries().front(), 0, '!');
  const auto verified = cached.run({"cache", "verify"});
  CHECK(verified.status == 125);
  CHECK(contains(verified.err, "the entry is damaged; removed\n"));
  CHECK(cached.entries().size() == 1);

  CHECK(contains(cached.run({"cache", "prune", "--cache-size=0"}).out, "removed 0 entries"));  // used just now
  CHECK(contains(cached.run({"cache", "clear"}).out, "removed 1 entry, "));
  CHECK_FALSE(std::filesystem::exists(cached.path()));
  CHECK(cached.run({"cache"}).status == 125);
  CHECK(cached.run({"cache", "burn"}).status == 125);
}

TEST_CASE("caching: an entry may go while its program runs") {
  const Cached cached;
  REQUIRE(cached.run({"compile", program("cat")}).status == 0);
  int ends[2] = {};
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  Process process(wzrun_command({program("cat")}),
                  {.in = Stream::given, .in_fd = ends[0], .environment = cached.environment()});
  close(ends[0]);
  REQUIRE(write(ends[1], "a", 1) == 1);
  CHECK(process.printed("a"));
  CHECK(contains(cached.run({"cache", "clear"}).out, "removed 1 entry"));
  REQUIRE(write(ends[1], "b", 1) == 1);
  close(ends[1]);
  const auto outcome = process.wait();
  CHECK(outcome.out == "ab");
  CHECK(outcome.status == 0);
}

}  // namespace wzrun::cli
