#pragma once

#include "tests/fuzz/program/program.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

/// Has `wzrun --engine verify` compare its engines on a program. Its host functions return zeros, so it does other
/// things than elsewhere.
namespace wzrun::fuzz {

inline std::string argument_text(ValueType type, const Bits& bits) {
  switch (type.kind()) {
    case ValueKind::i32:
      return fmt::format("{}", static_cast<std::uint32_t>(bits.low));
    case ValueKind::i64:
      return fmt::format("{}", bits.low);
    case ValueKind::f32:
      return fmt::format("{}", std::bit_cast<float>(static_cast<std::uint32_t>(bits.low)));
    case ValueKind::f64:
      return fmt::format("{}", std::bit_cast<double>(bits.low));
    case ValueKind::v128:
      return fmt::format("0x{:016x}{:016x}", bits.high, bits.low);
    default:
      return "null";
  }
}

/// What it says of a difference, or nothing.
inline std::optional<std::string> verify(const std::string& executable, const Program& program,
                                         const std::vector<std::uint8_t>& module, std::uint64_t opt_level) {
  const auto path = fmt::format("/tmp/wzrun-differential-{}.wasm", getpid());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(module.data()), static_cast<std::streamsize>(module.size()));
  std::vector<std::string> words = {executable,
                                    "--engine",
                                    "verify",
                                    "--cache=off",
                                    "--unknown-imports",
                                    "default",
                                    "--opt",
                                    std::to_string(opt_level),
                                    "--timeout",
                                    "30s",
                                    "--invoke",
                                    "f",
                                    path,
                                    "--"};
  for (std::size_t i = 0; i < program.arguments.size(); ++i)
    words.push_back(argument_text(program.functions[0].signature.params[i], program.arguments[i]));
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  std::array<int, 2> channel{};
  if (pipe(channel.data()) != 0)
    return "no pipe";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, channel[1], STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(channel[1]);
  std::string said;
  std::array<char, 4096> buffer;
  for (ssize_t count = 0; error == 0 && (count = read(channel[0], buffer.data(), buffer.size())) > 0;)
    said.append(buffer.data(), static_cast<std::size_t>(count));
  close(channel[0]);
  int status = 0;
  if (error != 0 || waitpid(child, &status, 0) != child)
    return "cannot run " + executable;
  unlink(path.c_str());
  // It ends as the program does, in time: with its results, or a trap.
  constexpr int kTrapped = 134, kTimedOut = 124;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return code == 0 || code == kTrapped || code == kTimedOut ? std::nullopt : std::optional("verify: " + said);
}

}  // namespace wzrun::fuzz
