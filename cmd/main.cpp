#include "command.h"
#include "report.h"
#include "version.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

namespace wzrun::cmd {
namespace {

/// Keeps descriptors 0 to 2 from becoming a module or directory if the parent closed them: a program that uses one
/// gets EBADF, as a native one does.
void occupy_standard_descriptors() {
  for (int fd = 0; fd < 3; fd++) {
    if (fcntl(fd, F_GETFD) < 0)
      open("/dev/null", (fd == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
  }
}

int print_help() {
  std::string text =
      "Runs WebAssembly programs.\n\n"
      "Usage: wzrun [run] [OPTIONS] MODULE [OPTIONS] [--] [ARGS...]\n\n"
      "Commands:\n";
  for (const auto& command : kCommands)
    text.append("  ").append(command.name).append(12 - command.name.size(), ' ').append(command.summary).append("\n");
  text +=
      "\nExamples:\n"
      "  wzrun app.wasm                         no files, no variables, no arguments\n"
      "  wzrun app.wasm input.txt               arguments for the program\n"
      "  wzrun app.wasm --dir=. -- --dir=x      a directory; -- begins the program's arguments\n"
      "  wzrun --invoke add math.wasm 2 3       call an exported function, print its results\n\n"
      "The exit status is the program's own, or 134 after a trap, 124 after a timeout, 125 if wzrun failed.\n"
      "'wzrun COMMAND --help' lists a command's options.\n";
  return print(text);
}

int dispatch(Words words, StartTime start) {
  if (words.empty())
    return fail("no module given: wzrun MODULE runs a program, wzrun --help says more");
  const auto first = words.front();
  for (const auto& command : kCommands) {
    if (first == command.name)
      return command.main(words.subspan(1), start);
  }
  if (first == "--help" || first == "-h")
    return print_help();
  if (first == "--version" || first == "-V")
    return print(std::string("wzrun ").append(kVersion).append("\n"));
  return run_main(words, start);
}

}  // namespace
}  // namespace wzrun::cmd

#if defined(__has_feature)
  #if __has_feature(thread_sanitizer)
/// A run ends without waiting for the threads that compile.
extern "C" const char* __tsan_default_options() { return "report_thread_leaks=0"; }  // NOLINT
  #endif
#endif

int main(int argc, char** argv) {
  const auto start = std::chrono::steady_clock::now();
  wzrun::cmd::occupy_standard_descriptors();
  std::signal(SIGXFSZ, SIG_IGN);  // EFBIG, for the program, the cache and all other files
  const std::vector<std::string_view> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  // Nothing is left to flush or to give back, and unmapping the program's memory would take longer than the exit.
  _exit(wzrun::cmd::dispatch(words, start));
}
