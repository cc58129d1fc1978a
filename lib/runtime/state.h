#pragma once

#include "runtime/execution.h"
#include "runtime/instance.h"
#include "wasm/type_registry.h"
#include "wzrun/config.h"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace wzrun::runtime {

/// What a Runtime owns.
struct RuntimeState {
  RuntimeConfig config;
  std::unique_ptr<Engine> engine;
  wasm::TypeRegistry types;
  std::shared_ptr<Budget> instances;  ///< that may still be made; outlives this with the last of them

  std::mutex linking;  ///< guards which groups are one
  std::mutex mutex;    ///< guards what follows
  struct Named {
    std::shared_ptr<InstanceGroup> group;
    Instance* instance = nullptr;
  };
  std::map<std::string, Named, std::less<>> names;
  std::vector<Execution*> executions;  ///< as many as ever ran at once; they last as long as the runtime
  std::atomic<bool> interrupting{false};
  const std::uint64_t id;  ///< that no other runtime of the process has or had

  explicit RuntimeState(const RuntimeConfig& runtime_config);
  ~RuntimeState();
};

/// Links, creates and initialises an instance; does not run start functions.
Expected<std::shared_ptr<InstanceHandle>> link(const std::shared_ptr<RuntimeState>& runtime,
                                               const std::shared_ptr<CompiledCode>& code, const ModuleConfig& config);
/// The value of a constant expression, as slots. What the expression refers to must exist already.
/// Errors: unsupported if it makes heap objects.
struct ConstantValue {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};
Expected<ConstantValue> evaluate(Instance& instance, const wasm::ConstantExpression& expression);

/// Makes the runs that `concerns` picks look whether they must end, again and again until none of them is left or
/// patience is over, and tells whether none is left. This thread's own runs are not waited for.
bool end_runs(RuntimeState& runtime, std::chrono::milliseconds patience,
              const std::function<bool(const Execution&)>& concerns);

/// Applies the active segments in order. A trap leaves earlier effects in place.
Result<void> initialise(Instance& instance);

}  // namespace wzrun::runtime
