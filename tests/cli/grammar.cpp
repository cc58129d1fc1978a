// Which words are wzrun's and which the program's.

#include "cli/process_support.h"

#include <doctest/doctest.h>

#include <string>

namespace wzrun::cli {

TEST_CASE("grammar: the program's name is the base name of the module's path") {
  const auto run = wzrun({program("args")});
  CHECK(run.out == "args.wasm\n");
  CHECK(run.err.empty());
  CHECK(run.status == 0);
}

TEST_CASE("grammar: --argv0 replaces the program's name") {
  CHECK(wzrun({"--argv0", "other", program("args"), "x"}).out == "other\nx\n");
}

TEST_CASE("grammar: the word run may stand before the options") {
  CHECK(wzrun({"run", "--dir=.", program("args"), "x"}).out == "args.wasm\nx\n");
}

TEST_CASE("grammar: run options right after the module are wzrun's") {
  CHECK(wzrun({program("args"), "--dir=.", "--env", "A=1", "x", "--dir=y"}).out == "args.wasm\nx\n--dir=y\n");
}

TEST_CASE("grammar: an unknown option after the module begins the program's arguments") {
  CHECK(wzrun({program("args"), "--colour", "--dir=."}).out == "args.wasm\n--colour\n--dir=.\n");
}

TEST_CASE("grammar: -- begins the program's arguments and is not one") {
  CHECK(wzrun({program("args"), "--dir=.", "--", "--dir=x", "--"}).out == "args.wasm\n--dir=x\n--\n");
}

TEST_CASE("grammar: -- in front of the module leaves all words after it to the program") {
  CHECK(wzrun({"--", program("args"), "--dir=x", "--", "y"}).out == "args.wasm\n--dir=x\n--\ny\n");
}

TEST_CASE("grammar: a -- after the first argument is an argument") {
  CHECK(wzrun({program("args"), "x", "--", "y"}).out == "args.wasm\nx\n--\ny\n");
}

TEST_CASE("grammar: --help and --version after the module are the program's") {
  CHECK(wzrun({program("args"), "--help"}).out == "args.wasm\n--help\n");
  CHECK(wzrun({program("args"), "-h"}).out == "args.wasm\n-h\n");
  CHECK(wzrun({program("args"), "--version"}).out == "args.wasm\n--version\n");
  CHECK(wzrun({program("args"), "--env=A=1", "--help"}).out == "args.wasm\n--help\n");
}

TEST_CASE("grammar: empty and single-dash arguments reach the program unchanged") {
  CHECK(wzrun({program("args"), "", "-", "a b", "[x,y]"}).out == "args.wasm\n\n-\na b\n[x,y]\n");
}

TEST_CASE("grammar: bytes that are not UTF-8 reach the program unchanged") {
  CHECK(wzrun({program("args"), "\xff\xfe"}).out == "args.wasm\n\xff\xfe\n");
}

TEST_CASE("grammar: a value follows = or is the next word, whatever it looks like") {
  CHECK(wzrun({"--argv0=--dir", program("args")}).out == "--dir\n");
  CHECK(wzrun({"--argv0", "--dir", program("args")}).out == "--dir\n");
  CHECK(wzrun({"--argv0=[a,b]", program("args")}).out == "[a,b]\n");
  CHECK(wzrun({"--argv0", "a=b", program("args")}).out == "a=b\n");
}

TEST_CASE("grammar: a later value of an option counts") {
  CHECK(wzrun({"--argv0=a", program("args"), "--argv0=b"}).out == "b\n");
}

TEST_CASE("grammar: a short option's value may be attached, and short options joined") {
  const TemporaryFolder folder;
  const Setting setting{.environment = {"WZRUN_CACHE_DIR=" + folder.path()}};
  for (const auto* const jobs : {"-j1", "-j=1", "-vj1"})
    CHECK(wzrun({"compile", jobs, program("math")}, setting).status == 0);
  CHECK(wzrun({"compile", "-j1", "-o" + (folder / "math.wzrun"), program("math")}, setting).status == 0);
  CHECK(wzrun({"--allow-precompiled", "--invoke=add", folder / "math.wzrun", "40", "2"}, setting).out == "42\n");
  CHECK(wzrun({"-vj1", "--invoke=add", program("math"), "40", "2"}, setting).out == "42\n");
  CHECK(wzrun({program("args"), "-j1", "x"}).out == "args.wasm\nx\n");
}

TEST_CASE("grammar: what is wrong with joined short options is told of the whole word") {
  const auto unknown = wzrun({"-vx1", program("args")});
  CHECK(unknown.status == 125);
  CHECK(unknown.err.find("unknown option '-vx1'") != std::string::npos);
  CHECK(wzrun({"compile", "-jx", program("math")}).status == 125);
  CHECK(wzrun({"compile", "-vj"}).err.find("-j needs a value") != std::string::npos);
  CHECK(wzrun({program("args"), "-vx1", "y"}).out == "args.wasm\n-vx1\ny\n");  // the program's
}

TEST_CASE("grammar: a module may be named like a command by its path") {
  const TemporaryFolder folder;
  write_file(folder / "version", read_file(program("args")));
  CHECK(wzrun({"./version", "x"}, {.folder = folder.path()}).out == "version\nx\n");
  CHECK(wzrun({"run", "version", "x"}, {.folder = folder.path()}).out == "version\nx\n");
}

TEST_CASE("grammar: --help prints usage on standard output") {
  for (const auto* command : {"run", "validate", "inspect", "version"}) {
    const auto help = wzrun({command, "--help"});
    CHECK(help.out.starts_with("Usage: wzrun "));
    CHECK(help.out.find(command) != std::string::npos);
    CHECK(help.err.empty());
    CHECK(help.status == 0);
  }
  const auto help = wzrun({"--help"});
  CHECK(help.out.find("Usage: wzrun [run] [OPTIONS] MODULE [OPTIONS] [--] [ARGS...]") != std::string::npos);
  CHECK(wzrun({"-h"}).out == help.out);
  CHECK(wzrun({"--dir=.", "--help"}).out == wzrun({"run", "--help"}).out);
}

TEST_CASE("grammar: --version prints one line") {
  const auto run = wzrun({"--version"});
  CHECK(run.out.starts_with("wzrun "));
  CHECK(run.out.find('\n') == run.out.size() - 1);
  CHECK(run.status == 0);
}

}  // namespace wzrun::cli
