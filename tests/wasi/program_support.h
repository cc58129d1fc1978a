#pragma once

#include "wzrun/config.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace wzrun::test {

/// What a program did: its exit status, 134 after a trap, and what it wrote.
struct Outcome {
  std::uint32_t status = 0;
  std::string output;
  std::string errors;
  std::string trap;  ///< or why it could not run
};

/// Standard input: a pipe without a byte in it, or what the configuration says.
enum class Input : std::uint8_t { ended, open, configured };

/// Runs a program with WASI and pipes for its standard streams, and interrupts it when its time is up.
Outcome run_program(const std::filesystem::path& module, ModuleConfig config, Input input = Input::ended,
                    std::chrono::milliseconds patience = std::chrono::minutes{1});

}  // namespace wzrun::test
