#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace wzrun::cli {

/// How a process ended and what it printed.
struct Outcome {
  int status = 0;  ///< exit status, or the negated signal
  std::string out;
  std::string err;
};

/// Where a standard stream of a process comes from or goes to.
enum class Stream {
  captured,  ///< output only
  closed,
  given,  ///< the descriptor in Setting
};

/// The surroundings of a process. By default: empty input, outputs captured, no environment but PATH.
struct Setting {
  std::string input = {};
  Stream in = Stream::captured;  ///< captured: reads `input`
  Stream out = Stream::captured;
  Stream err = Stream::captured;
  int in_fd = -1;
  int out_fd = -1;
  int err_fd = -1;
  std::vector<std::string> environment = {};
  std::string folder = {};  ///< working directory; empty: this process's
};

/// A child process; killed if it was not waited for.
class Process {
 public:
  /// `command` is a path, or a name on PATH, and its arguments.
  explicit Process(const std::vector<std::string>& command, const Setting& setting = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  /// Waits until it has printed `text` to standard output. False after ten seconds.
  bool printed(const std::string& text) const;
  /// The same for standard error.
  bool reported(const std::string& text) const;
  /// What it has written to standard error so far.
  std::string errors() const;
  /// Waits for its end. After a minute it is killed, so the status is -SIGKILL.
  Outcome wait();

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
};

/// Runs wzrun with these arguments to its end.
Outcome wzrun(const std::vector<std::string>& arguments, const Setting& setting = {});
/// wzrun and its arguments, for Process.
std::vector<std::string> wzrun_command(std::vector<std::string> arguments);
/// Path of a module assembled from testdata/cli.
std::string program(const std::string& name);
/// How long something takes.
template <typename F>
std::chrono::duration<double> duration_of(F something) {
  const auto begin = std::chrono::steady_clock::now();
  something();
  return std::chrono::steady_clock::now() - begin;
}

/// A fresh folder, removed with all in it at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

}  // namespace wzrun::cli
