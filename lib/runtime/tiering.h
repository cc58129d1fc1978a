#pragma once

#include "runtime/codegen_plugin.h"
#include "runtime/compiler.h"
#include "runtime/image.h"
#include "runtime/native.h"
#include "wzrun/runtime.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

/// Compiling functions of a module while they run.
///
/// The interpreter counts calls and backward branches down and tells when a count has run out. A thread takes the
/// hottest function that is known so, compiles it with callees that are warm, and adds the code to the module: calls go
/// there from then on, and the interpreter asks at loops whether it can go on there.
namespace wzrun::runtime {

struct CompiledCode;
class UnitFile;
class UnitStore;

struct TieringOptions {
  unsigned opt_level = 2;
  bool guarded = true;
  std::string target;                   ///< that the images carry
  std::shared_ptr<UnitStore> store;     ///< keeps what is made; may be null
  std::optional<std::uint64_t> stress;  ///< compiles at random moments, on the thread that runs the program; the seed
};

class Tiering {
 public:
  using Unit = std::vector<std::uint8_t>;  ///< an image

  Tiering(CompiledCode& code, TieringOptions options);
  /// Waits for what is being compiled.
  ~Tiering();
  Tiering(const Tiering&) = delete;
  Tiering& operator=(const Tiering&) = delete;

  /// A function was called, or went round one of its loops, `count` times more.
  void is_hot(std::uint32_t function_index, std::optional<std::uint32_t> loop, std::uint32_t count);
  /// The code that goes on at a loop, or null if there is none yet.
  LoopEntry loop_entry(std::uint32_t function_index, std::uint32_t loop);
  void note_loop_entry() { loop_entries_.fetch_add(1, std::memory_order_relaxed); }
  /// How many calls or backward branches until is_hot() wants to be told.
  std::uint32_t patience();

  TieringReport report() const;
  /// Adds code that was compiled before; what of it does not fit is left out.
  void adopt(const UnitFile& kept);
  /// The same of one image. False if it does not fit.
  bool adopt(const std::shared_ptr<const Image>& unit);
  /// Keeps what was made since it was last kept, now.
  void keep();

 private:
  using LoopKey = std::pair<std::uint32_t, std::uint32_t>;  ///< function index, loop
  struct Candidate {
    std::uint64_t heat = 0;
    bool compiled = false;
    bool wanted = false;
    bool hopeless = false;             ///< it cannot be compiled
    std::vector<std::uint32_t> loops;  ///< wanted
  };
  struct Job {
    std::vector<std::uint32_t> functions;
    std::vector<CodegenLoop> loops;
  };

  void work();
  bool has_work() const;
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  Job next_job();
  void add_callees(Job& job);
  bool is_giant(const Job& job) const;
  void compile(const Job& job);
  void finish(const Job& job, Expected<Unit> made, std::chrono::nanoseconds took);

  CompiledCode& code_;
  const TieringOptions options_;

  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  std::map<std::uint32_t, Candidate> candidates_;  ///< by function index
  std::map<LoopKey, LoopEntry> loops_;
  std::vector<std::shared_ptr<const Unit>> new_units_;
  TieringReport report_;
  std::mt19937_64 random_;  ///< decides under stress
  bool compiling_ = false;
  bool stopping_ = false;
  bool useless_ = false;  ///< there is no compiler

  std::mutex compiler_;  ///< guards the session
  CompilerSession session_;
  std::atomic<std::uint64_t> loop_entries_{0};
  std::thread thread_;
};

}  // namespace wzrun::runtime
