// Every mistake a user can make: what is said, and status 125.

#include "cli/process_support.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace wzrun::cli {
namespace {

/// Standard error of a run that wzrun refuses.
std::string refusal(const std::vector<std::string>& arguments, const Setting& setting = {}) {
  const auto run = wzrun(arguments, setting);
  CHECK(run.status == 125);
  CHECK(run.out.empty());
  return run.err;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("errors: no module") {
  CHECK(refusal({}) == "wzrun: no module given: wzrun MODULE runs a program, wzrun --help says more\n");
  CHECK(refusal({"run"}) == "wzrun: no module given: see wzrun run --help\n");
  CHECK(refusal({"--dir=."}) == "wzrun: no module given: see wzrun run --help\n");
  CHECK(refusal({"validate"}) == "wzrun: no module given: see wzrun validate --help\n");
  CHECK(refusal({"compile"}) == "wzrun: no module given: see wzrun compile --help\n");
  CHECK(refusal({"inspect"}) == "wzrun: no module given: see wzrun inspect --help\n");
}

TEST_CASE("errors: an unknown option, with a similar one if there is one") {
  CHECK(refusal({"--dri=.", "x"}) == "wzrun: unknown option '--dri': did you mean '--dir'?\n");
  CHECK(refusal({"--intrepreter", "x"}) == "wzrun: unknown option '--intrepreter': did you mean '--interpreter'?\n");
  CHECK(refusal({"--zzzzzzzz", "x"}) == "wzrun: unknown option '--zzzzzzzz': see wzrun run --help\n");
  CHECK(refusal({"-x", "x"}) == "wzrun: unknown option '-x': see wzrun run --help\n");
  CHECK(refusal({"validate", "--feature=v1", "x"}) ==
        "wzrun: unknown option '--feature': did you mean '--features'?\n");
  CHECK(refusal({"inspect", "--jsno", "x"}) == "wzrun: unknown option '--jsno': did you mean '--json'?\n");
}

TEST_CASE("errors: control characters in what is printed are escaped") {
  CHECK(refusal({"--\x1b[31m", "x"}) == "wzrun: unknown option '--\\1b[31m': see wzrun run --help\n");
  CHECK(refusal({"/\x1b]0;title\x07/absent"}) == "wzrun: /\\1b]0;title\\07/absent: No such file or directory\n");
  CHECK(refusal({"/absent/\xc2\x9b\xff"}) == "wzrun: /absent/\\c2\\9b\\ff: No such file or directory\n");
}

TEST_CASE("errors: an option without its value, or a flag with one") {
  CHECK(refusal({"--dir"}) == "wzrun: --dir needs a value: HOST[::GUEST][:ro]\n");
  CHECK(refusal({program("args"), "--timeout"}) == "wzrun: --timeout needs a value: TIME\n");
  CHECK(refusal({"--env-inherit=1", program("args")}) == "wzrun: --env-inherit takes no value\n");
}

TEST_CASE("errors: a module that is not there, with a similar name if there is one") {
  const TemporaryFolder folder;
  write_file(folder / "application.wasm", "");
  CHECK(refusal({"/absent/x.wasm"}) == "wzrun: /absent/x.wasm: No such file or directory\n");
  CHECK(refusal({"aplication.wasm"}, {.folder = folder.path()}) ==
        "wzrun: aplication.wasm: No such file or directory; did you mean 'application.wasm'?\n");
  CHECK(refusal({folder / "application.wsam"}) == "wzrun: " + (folder / "application.wsam") +
                                                      ": No such file or directory; did you mean '" +
                                                      (folder / "application.wasm") + "'?\n");
  CHECK(refusal({"vaildate", "x.wasm"}, {.folder = folder.path()}) ==
        "wzrun: vaildate: No such file or directory; did you mean 'wzrun validate'?\n");
}

TEST_CASE("errors: a module that cannot be read") {
  const TemporaryFolder folder;
  CHECK(refusal({folder.path()}) == "wzrun: " + folder.path() + ": is a directory, not a module\n");
  CHECK(refusal({program("args") + "/x"}) == "wzrun: " + program("args") + "/x: Not a directory\n");
  if (geteuid() != 0) {
    write_file(folder / "secret", "");
    std::filesystem::permissions(folder / "secret", std::filesystem::perms::none);
    CHECK(refusal({folder / "secret"}) == "wzrun: " + (folder / "secret") + ": Permission denied\n");
  }
}

TEST_CASE("errors: what is not a module is named") {
  const TemporaryFolder folder;
  const auto file = folder / "file";
  write_file(file, "");
  CHECK(refusal({file}) == "wzrun: " + file + ": the file is empty\n");
  write_file(file, "(module)");
  CHECK(contains(refusal({file}), "; it is text: wat2wasm makes a module of it\n"));
  write_file(file, std::string("\0asm\x0d\0\1\0", 8));
  CHECK(contains(refusal({file}), "; it is a component (WASI 0.2 or later), and wzrun runs core modules\n"));
  write_file(file, "\x1f\x8b\x08");
  CHECK(contains(refusal({file}), "; it is compressed\n"));
  write_file(file, "\177ELF");
  CHECK(refusal({file}).starts_with("wzrun: " + file + ": 0x0: "));
}

TEST_CASE("errors: a module that does not decode or validate, in one line with the byte offset") {
  const TemporaryFolder folder;
  const auto file = folder / "bad.wasm";
  write_file(file, read_file(program("math")).substr(0, 60));
  const auto truncated = refusal({file});
  CHECK(truncated.starts_with("wzrun: " + file + ": 0x"));
  CHECK(truncated.find('\n') == truncated.size() - 1);
  // (module (func i32.const 0))
  write_file(file, std::string("\0asm\1\0\0\0"
                               "\1\4\1\x60\0\0"
                               "\3\2\1\0"
                               "\x0a\6\1\4\0\x41\0\x0b",
                               26));
  const auto invalid = refusal({file});
  CHECK(invalid.starts_with("wzrun: " + file + ": 0x"));
  CHECK(contains(invalid, "type mismatch"));
  CHECK(invalid.find('\n') == invalid.size() - 1);
}

TEST_CASE("errors: a mount that is not there or cannot be one names the option") {
  const TemporaryFolder folder;
  write_file(folder / "file", "");
  CHECK(refusal({program("args"), "--dir=/absent"}) == "wzrun: --dir: '/absent': No such file or directory\n");
  CHECK(refusal({program("args"), "--dir=/dev/null"}) ==
        "wzrun: --dir: '/dev/null': neither a directory nor a regular file\n");
  CHECK(refusal({program("args"), "--dir", folder.path() + "::/", "--dir", folder / "file::/a"}) ==
        "wzrun: --dir: no single file can be given in /, which is given as a whole; give it under another name\n");
  CHECK(refusal({program("args"), "--dir=/absent:/data"}) ==
        "wzrun: --dir: '/absent:/data': No such file or directory; the guest's name follows two colons: HOST::GUEST\n");
  CHECK(contains(refusal({"--dir=. --env A=1", program("args")}), "begin it with '#!/usr/bin/env -S wzrun'\n"));
  for (const std::string text : {"", "::/x", ".::", ":ro", "::"})
    CHECK(refusal({program("args"), "--dir", text}) == "wzrun: --dir: '" + text + "' is not HOST[::GUEST][:ro]\n");
}

TEST_CASE("errors: a variable without a name") {
  CHECK(refusal({program("args"), "--env=x=1", "--env", "=1"}) == "wzrun: --env: '=1' has no name\n");
  CHECK(refusal({program("args"), "--env="}) == "wzrun: --env: '' has no name\n");
}

TEST_CASE("errors: values that an option does not know") {
  CHECK(contains(refusal({program("args"), "--unknown-imports=maybe"}), "--unknown-imports: maybe not in"));
  CHECK(contains(refusal({program("args"), "--engine=fast"}), "--engine: fast not in"));
  CHECK(contains(refusal({program("args"), "--opt=4"}), "--opt: "));
  CHECK(contains(refusal({program("args"), "--jobs=0"}), "--jobs: "));
  CHECK(refusal({program("args"), "--stats=xml"}) == "wzrun: --stats: 'xml' is not json\n");
  CHECK(refusal({program("args"), "--cache=maybe"}) == "wzrun: --cache: 'maybe' is not rw, ro, off or require\n");
  CHECK(refusal({program("args")}, {.environment = {"WZRUN_CACHE=maybe"}}) ==
        "wzrun: WZRUN_CACHE: 'maybe' is not rw, ro, off or require\n");
  CHECK(refusal({program("args"), "--cache-size=x"}) ==
        "wzrun: --cache-size: 'x' is not a size such as 512MiB, 2GiB or 1000000\n");
  for (const std::string text : {"x", "-1", "12XB", "1e9", "99999999TiB", ""}) {
    CHECK(refusal({program("args"), "--max-memory", text}) ==
          "wzrun: --max-memory: '" + text + "' is not a size such as 512MiB, 64KiB or 1000000\n");
    CHECK(refusal({program("args"), "--max-stack", text}) ==
          "wzrun: --max-stack: '" + text + "' is not a size such as 512MiB, 64KiB or 1000000\n");
  }
}

TEST_CASE("errors: a feature that is unknown or switched off") {
  CHECK(refusal({program("args"), "--features=smid"}) ==
        "wzrun: --features: unknown feature 'smid': did you mean 'simd'?\n");
  CHECK(refusal({program("args"), "--features=v2,+quantum"})
            .starts_with("wzrun: --features: unknown feature 'quantum': one of v1, v2, v3, all, "));
  CHECK(contains(refusal({"--features=-simd", "--invoke=zero", program("simd")}), "simd"));
  CHECK(contains(refusal({"--features", "v1", "--invoke=zero", program("simd")}), "simd"));
  CHECK(contains(refusal({"--invoke=load", program("threads")}), "threads"));
}

TEST_CASE("errors: no _start lists the exports and --invoke") {
  CHECK(refusal({program("reactor")}) ==
        "wzrun: " + program("reactor") +
            ": no function `_start` to call; use --invoke NAME, the module exports: _initialize, initialized\n");
  CHECK(refusal({program("start_with_parameter")}) ==
        "wzrun: " + program("start_with_parameter") +
            ": `_start` is (func (param i32)), and a program's start has no parameters and results; call it with "
            "--invoke\n");
  const TemporaryFolder folder;
  write_file(folder / "nothing.wasm", std::string("\0asm\1\0\0\0", 8));
  CHECK(refusal({folder / "nothing.wasm"}) ==
        "wzrun: " + (folder / "nothing.wasm") + ": no function `_start` to call; the module exports no functions\n");
}

TEST_CASE("errors: every missing import has a line, and the last one says what to do") {
  const auto subject = "wzrun: " + program("imports") + ": ";
  CHECK(refusal({program("imports")}) ==
        subject + "missing import `env` `seven` (func (param i32) (result i32))\n" + subject +
            "missing import `bench` `start` (func)\n" + subject +
            "nobody provides these functions; --unknown-imports=trap runs until one is called, =default "
            "returns zeros\n");
}

TEST_CASE("errors: an import that is no function and missing is named") {
  const auto text = refusal({program("import_memory"), "--unknown-imports=default"});
  CHECK(contains(text, "env"));
  CHECK(contains(text, "memory"));
}

TEST_CASE("errors: names with control characters are escaped") {
  const auto text = refusal({program("escapes")});
  CHECK(contains(text, "\\1b]0;title\\07"));
  CHECK(!contains(text, "\x1b"));
  const auto missing = refusal({"--invoke=x", program("escapes")});
  CHECK(contains(missing, "`\\1b[31mred` `\\07bell\\c2\\9b`"));
  CHECK(!contains(missing, "\x1b"));
}

TEST_CASE("errors: arguments after version") {
  CHECK(refusal({"version", "x"}) == "wzrun: version takes no arguments\n");
  CHECK(refusal({"inspect", "a", "b"}) == "wzrun: inspect takes one module: see wzrun inspect --help\n");
}

TEST_CASE("errors: the first failure to write standard output is one of wzrun") {
  const auto run =
      Process({"/bin/sh", "-c", "exec \"$0\" inspect \"$1\" >/dev/full", WZRUN_EXECUTABLE, program("math")}).wait();
  CHECK(run.status == 125);
  CHECK(run.err == "wzrun: standard output: No space left on device\n");
}

}  // namespace wzrun::cli
