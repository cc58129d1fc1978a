#pragma once

#include "runtime/announce.h"
#include "runtime/code_arena.h"
#include "runtime/compiler.h"
#include "runtime/hot_functions.h"
#include "runtime/image.h"
#include "runtime/native.h"
#include "wzrun/checksum.h"
#include "wzrun/runtime.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

/// Compiling functions of a module while they run.
///
/// The interpreter counts calls and backward branches down and tells when a count has run out. Threads take what is
/// hottest, compile it, and add the code to the module: calls go there from then on, and the interpreter asks at loops
/// whether it can go on there.
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
  unsigned threads = 0;                 ///< that compile, at most; 0: one for each processor but the program's
  Audience audience;                    ///< is told of the code
  std::function<void()> begins;         ///< called before the first function is compiled; may be empty
};

class Tiering {
 public:
  using Unit = std::vector<std::uint8_t>;  ///< an image

  Tiering(CompiledCode& code, TieringOptions options);
  /// Waits for what is being compiled. Keeps what was made, and the module if it is wanted.
  ~Tiering();
  Tiering(const Tiering&) = delete;
  Tiering& operator=(const Tiering&) = delete;

  /// The interpreter runs a function for the first time.
  void is_entered(std::uint32_t function_index);
  /// A function was called, or went round one of its loops, `count` times more.
  void is_hot(std::uint32_t function_index, std::optional<std::uint32_t> loop, std::uint32_t count);
  /// Code of the baseline compiler has counted to the end. Returns better code that goes on at the loop, if there is.
  LoopEntry code_is_hot(std::uint32_t function_index, std::uint32_t loop);
  /// The code that goes on at a loop, or null if there is none yet.
  LoopEntry loop_entry(std::uint32_t function_index, std::uint32_t loop, unsigned least_level = 0);
  void note_loop_entry() { loop_entries_.fetch_add(1, std::memory_order_relaxed); }
  /// How many calls or backward branches until is_hot() wants to be told.
  std::uint32_t patience();

  TieringReport report() const;
  /// Adds code that was compiled before, and takes its profile into account; what of it does not fit is left out.
  void adopt(const UnitFile& kept);
  /// Has what earlier runs have left to do done, if this one goes on for long enough.
  void start_improving();
  /// Adds the code of one image. False if it does not fit.
  bool adopt(const std::shared_ptr<const Image>& unit);
  /// Begins nothing new any more.
  void stop();
  /// Keeps what was made since it was last kept, now.
  void keep();
  /// The same in bytes, for UnitStore::add_packed; also what is being kept at this moment.
  UnkeptCode pack_new() const;

 private:
  using Clock = std::chrono::steady_clock;
  using LoopKey = std::pair<std::uint32_t, std::uint32_t>;  ///< function index, loop
  struct EnteredLoop {
    LoopEntry entry = nullptr;
    unsigned opt_level = 0;
  };

  /// A number below `limit`, under stress.
  std::uint64_t choose(std::uint64_t limit);
  using Work = HotFunctions::Work;
  void act(std::unique_lock<std::mutex>& lock, Work work);
  std::uint32_t code_patience() const;
  void begin();
  void start_threads(Work news);
  bool start_thread(Work work);
  unsigned most_threads();
  void work(Work work);
  void claim_improving(std::unique_lock<std::mutex>& lock);
  void pace(std::unique_lock<std::mutex>& lock);
  std::condition_variable& changed(Work work) { return work == Work::quick ? quick_changed_ : good_changed_; }
  std::optional<HotFunctions::Job> rest(std::unique_lock<std::mutex>& lock, Work work);
  std::optional<HotFunctions::Job> wait_for_job(std::unique_lock<std::mutex>& lock, Work work);
  bool can_keep() const;
  bool is_time_to_keep(Work work) const;
  void keep_now(std::unique_lock<std::mutex>& lock, Work work);
  void compile(const HotFunctions::Job& job, CompilerSession& session);
  struct Made {
    std::optional<Unit> unit;
    std::vector<std::uint32_t> left_out;  ///< by the baseline compiler
    std::vector<std::uint32_t> failed;    ///< functions without code
  };
  Made make(const HotFunctions::Job& job, CompilerSession& session);
  void finish(const HotFunctions::Job& job, Made made, Clock::duration took);
  std::vector<FunctionProfile> profile() const;
  bool is_known(const Checksum& checksum) const;
  void adopt_newer();
  Expected<std::shared_ptr<const Image>> image_of(std::span<const std::uint8_t> bytes);
  Expected<std::shared_ptr<const Image>> image_of(const UnitFile& kept, const ImagePart& unit);

  CompiledCode& code_;
  const TieringOptions options_;
  CodeArena arena_;

  mutable std::mutex mutex_;               ///< guards what follows
  std::condition_variable quick_changed_;  ///< for the thread that compiles quickly and does nothing else
  std::condition_variable good_changed_;   ///< for the others
  HotFunctions hot_;
  std::map<LoopKey, EnteredLoop> loops_;
  std::set<Checksum> known_;  ///< checksums of the images that were adopted
  std::vector<std::shared_ptr<const Unit>> new_units_;
  std::vector<std::shared_ptr<const Unit>> units_being_kept_;
  std::vector<std::shared_ptr<const void>> shown_;  ///< to a debugger
  CompilationCache::Claim improving_;               ///< from the first good work on
  TieringReport report_;
  const Clock::time_point start_;
  Clock::time_point kept_;                ///< when it was last
  Clock::time_point finished_;            ///< when something was compiled last
  std::optional<unsigned> most_threads_;  ///< once it was needed
  unsigned compiling_ = 0;
  unsigned good_threads_ = 0;       ///< that compile well
  unsigned idle_good_threads_ = 0;  ///< of these, those that have nothing to do
  bool has_quick_thread_ = false;   ///< that compiles quickly and does nothing else
  bool is_quick_thread_idle_ = false;
  bool has_one_processor_ = false;  ///< known when that thread is started
  bool reported_ = false;           ///< something was hot in this run
  bool keeping_ = false;
  bool has_kept_ = false;
  bool stopping_ = false;
  bool useless_ = false;  ///< there is no compiler, or no thread for it
  bool begun_ = false;    ///< options_.begins was called

  std::mutex choosing_;       ///< guards random_; the last to be taken
  std::mt19937_64 random_;    ///< decides under stress
  CompilerSession stressed_;  ///< of the thread that compiles under stress
  std::atomic<std::uint32_t> patience_;
  std::atomic<std::uint64_t> loop_entries_{0};
  std::vector<std::thread> threads_;  ///< guarded by mutex_
};

}  // namespace wzrun::runtime
