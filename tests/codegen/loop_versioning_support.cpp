#include "loop_versioning_support.h"

#include "codegen/loop_versioning.h"
#include "codegen/pipeline.h"

#include <fmt/format.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <sys/mman.h>

#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace wzrun::codegen::test {
namespace {

constexpr std::uint64_t kReserved = (std::uint64_t{1} << 33) + (std::uint64_t{1} << 20);
constexpr unsigned kMaxModelSteps = 200'000;

const std::uint8_t* guarded_base = nullptr;
sigjmp_buf trap_target;

void on_fault(int signal, siginfo_t* info, void*) {
  const auto* const address = static_cast<const std::uint8_t*>(info->si_addr);
  if (address < guarded_base || address >= guarded_base + kReserved) {
    std::signal(signal, SIG_DFL);
    return;
  }
  siglongjmp(trap_target, 1);
}

[[noreturn]] void fail(llvm::Error error) { throw std::runtime_error(llvm::toString(std::move(error))); }

template <typename T>
T take(llvm::Expected<T> value) {
  if (!value)
    fail(value.takeError());
  return std::move(*value);
}

/// The inner loop's accesses; afterwards `sum` names the sum so far.
struct AccessWriter {
  std::string ir;
  std::string value = "0";  ///< loaded last
  std::string sum = "%sum";

  void write(const LoopAccess& access, unsigned index) {
    const auto out = std::back_inserter(ir);
    if (access.only_when_odd)
      fmt::format_to(out, "  br label %test{0}\ntest{0}:\n  br i1 %odd, label %then{0}, label %join{0}\nthen{0}:\n",
                     index);
    fmt::format_to(out,
                   "  %inner{0} = mul i32 %i, {1}\n  %outer{0} = mul i32 %j, {2}\n  %away{0} = add i32 %s{3}, {4}\n"
                   "  %moved{0} = add i32 %inner{0}, %outer{0}\n  %address{0} = add i32 %moved{0}, %away{0}\n"
                   "  %wide{0} = zext i32 %address{0} to i64\n  %place{0} = getelementptr i8, ptr %base, i64 %wide{0}\n"
                   "  %at{0} = getelementptr i8, ptr %place{0}, i64 {5}\n",
                   index, access.step, access.outer_step, access.start, access.distance, access.offset);
    if (access.store)
      write_store(access.bytes * 8, index);
    else
      write_load(access.bytes * 8, index);
    if (access.only_when_odd)
      fmt::format_to(out, "  br label %join{0}\njoin{0}:\n", index);
    if (access.store)
      return;
    if (access.only_when_odd) {
      fmt::format_to(out, "  %chosen{0} = phi i64 [ {1}, %then{0} ], [ 0, %test{0} ]\n", index, value);
      value = fmt::format("%chosen{}", index);
    }
    fmt::format_to(out, "  %sum{0} = add i64 {1}, {2}\n", index, sum, value);
    sum = fmt::format("%sum{}", index);
  }

 private:
  void write_store(unsigned bits, unsigned index) {
    const auto out = std::back_inserter(ir);
    fmt::format_to(out, "  %value{0} = add i64 {1}, %i.wide\n", index, value);
    if (bits < 64)
      fmt::format_to(out, "  %narrow{0} = trunc i64 %value{0} to i{1}\n", index, bits);
    fmt::format_to(out, "  store volatile i{1} %{2}{0}, ptr %at{0}, align 1\n", index, bits,
                   bits < 64 ? "narrow" : "value");
  }

  void write_load(unsigned bits, unsigned index) {
    const auto out = std::back_inserter(ir);
    fmt::format_to(out, "  %loaded{0} = load volatile i{1}, ptr %at{0}, align 1\n", index, bits);
    if (bits < 64)
      fmt::format_to(out, "  %extended{0} = zext i{1} %loaded{0} to i64\n", index, bits);
    value = fmt::format("%{}{}", bits < 64 ? "extended" : "loaded", index);
  }
};

std::string latch_to_ir(Counting counting) {
  switch (counting) {
    case Counting::up_below:
      return "  %i.next = add i32 %i, 1\n  %again = icmp ult i32 %i.next, %n\n";
    case Counting::up_until:
      return "  %i.next = add i32 %i, 1\n  %again = icmp ne i32 %i.next, %n\n";
    case Counting::down:
      return "  %i.next = add i32 %i, 1\n  %left = sub i32 %n, %i.next\n  %again = icmp ne i32 %left, 0\n";
    case Counting::three_below:
      return "  %i.next = add i32 %i, 3\n  %again = icmp ult i32 %i.next, %n\n";
    case Counting::four_until:
      return "  %i.next = add i32 %i, 4\n  %n4 = and i32 %n, -4\n  %again = icmp ne i32 %i.next, %n4\n";
    case Counting::four_exactly:
      return "  %i.next = add i32 %i, 4\n  %again = icmp ne i32 %i.next, %n\n";
    case Counting::up_below_wide:
      return "  %i.next = add i32 %i, 1\n  %i.next.wide = zext i32 %i.next to i64\n  %n.wide = zext i32 %n to i64\n"
             "  %n2 = mul i64 %n.wide, 2\n  %again = icmp ult i64 %i.next.wide, %n2\n";
  }
  return {};
}

bool goes_on(Counting counting, std::uint32_t& i, std::uint32_t n) {
  switch (counting) {
    case Counting::up_below:
      return ++i < n;
    case Counting::up_until:
    case Counting::down:
      return ++i != n;
    case Counting::three_below:
      return (i += 3) < n;
    case Counting::four_until:
      return (i += 4) != (n & ~3U);
    case Counting::four_exactly:
      return (i += 4) != n;
    case Counting::up_below_wide:
      return ++i < 2 * std::uint64_t{n};
  }
  return false;
}

/// The bytes that exist of a memory.
class ModelMemory {
 public:
  ModelMemory(std::vector<std::uint8_t>& bytes, std::uint64_t size) : bytes_(bytes), size_(size) {}

  bool contains(std::uint64_t address, unsigned count) const { return address + count <= size_; }
  bool knows(std::uint64_t address, unsigned count) const {
    return address + count <= kWindow || address >= size_ - kWindow;
  }
  std::uint64_t load(std::uint64_t address, unsigned count) const {
    std::uint64_t value = 0;
    for (unsigned k = 0; k < count; ++k)
      value |= std::uint64_t{at(address + k)} << (8 * k);
    return value;
  }
  void store(std::uint64_t address, unsigned count, std::uint64_t value) {
    for (unsigned k = 0; k < count; ++k)
      at(address + k) = static_cast<std::uint8_t>(value >> (8 * k));
  }

 private:
  std::uint8_t& at(std::uint64_t address) const {
    return bytes_[address < kWindow ? address : bytes_.size() - (size_ - address)];
  }

  std::vector<std::uint8_t>& bytes_;
  std::uint64_t size_;
};

void register_host_target() {
  static const bool done = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  static_cast<void>(done);
}

std::unique_ptr<llvm::TargetMachine> host_machine() {
  register_host_target();
  return take(take(llvm::orc::JITTargetMachineBuilder::detectHost()).createTargetMachine());
}

ParsedModule parse(const std::string& ir) {
  ParsedModule parsed{.context = std::make_unique<llvm::LLVMContext>(), .module = nullptr};
  llvm::SMDiagnostic problem;
  parsed.module = llvm::parseAssemblyString(ir, problem, *parsed.context);
  if (!parsed.module)
    throw std::runtime_error(fmt::format("line {}: {}", problem.getLineNo(), problem.getMessage().str()));
  return parsed;
}

bool begins_fast_loop(const llvm::BasicBlock& block) { return block.getName().starts_with("version.fast"); }

llvm::GlobalVariable* entry_counter(llvm::Module& module) {
  auto* const type = llvm::Type::getInt64Ty(module.getContext());
  return llvm::cast<llvm::GlobalVariable>(module.getOrInsertGlobal("fast_entries", type));
}

/// Counts in @fast_entries how often a fast loop is entered.
struct CountEntries : llvm::PassInfoMixin<CountEntries> {
  static llvm::PreservedAnalyses run(llvm::Function& function, llvm::FunctionAnalysisManager&) {
    auto* const counter = entry_counter(*function.getParent());
    for (auto& block : function)
      if (begins_fast_loop(block)) {
        llvm::IRBuilder<> builder(block.getTerminator());
        auto* const count = builder.CreateLoad(builder.getInt64Ty(), counter);
        builder.CreateStore(builder.CreateAdd(count, builder.getInt64(1)), counter);
      }
    return llvm::PreservedAnalyses::none();
  }
};

/// Loops in which no call and no object with a destructor stands between the jump and its target.
bool run_until_trap(std::uint64_t (*function)(const void*, std::uint32_t, std::uint32_t, const std::uint32_t*),
                    const void* instance, const LoopInput& input, std::uint64_t& result) {
  if (sigsetjmp(trap_target, 1) != 0)
    return false;
  result = function(instance, input.n, input.outer, input.starts.data());
  return true;
}

}  // namespace

std::string to_ir(const LoopShape& shape) {
  std::string ir =
      "define i64 @f(ptr %instance, i32 %n, i32 %m, ptr %starts) {\nentry:\n"
      "  %base = load ptr, ptr %instance, align 8, !invariant.load !0, !nonnull !0, !noundef !0, !wzrun.memory_base "
      "!0\n";
  const auto out = std::back_inserter(ir);
  unsigned starts = 0;
  for (const auto& access : shape.accesses)
    starts = std::max(starts, access.start + 1);
  for (unsigned k = 0; k < starts; ++k)
    fmt::format_to(out, "  %from{0} = getelementptr i32, ptr %starts, i64 {0}\n  %s{0} = load i32, ptr %from{0}\n", k);
  ir +=
      "  br label %outer\nouter:\n  %j = phi i32 [ 0, %entry ], [ %j.next, %outer.end ]\n"
      "  %total = phi i64 [ 0, %entry ], [ %total.next, %outer.end ]\n  br label %inner\n"
      "inner:\n  %i = phi i32 [ 0, %outer ], [ %i.next, %latch ]\n"
      "  %sum = phi i64 [ %total, %outer ], [ %sum.next, %latch ]\n"
      "  %bit = and i32 %i, 1\n  %odd = icmp ne i32 %bit, 0\n  %i.wide = zext i32 %i to i64\n";
  AccessWriter accesses;
  for (unsigned k = 0; k < shape.accesses.size(); ++k)
    accesses.write(shape.accesses[k], k);
  ir += accesses.ir;
  fmt::format_to(out, "  br label %latch\nlatch:\n  %sum.next = add i64 {}, 0\n{}", accesses.sum,
                 latch_to_ir(shape.counting));
  ir +=
      "  br i1 %again, label %inner, label %outer.end\nouter.end:\n  %total.next = phi i64 [ %sum.next, %latch ]\n"
      "  %j.next = add i32 %j, 1\n  %more = icmp ult i32 %j.next, %m\n  br i1 %more, label %outer, label %done\n"
      "done:\n  ret i64 %total.next\n}\n!0 = !{}\n";
  return ir;
}

std::optional<LoopResult> run_model(const LoopShape& shape, const LoopInput& input, std::vector<std::uint8_t>& memory,
                                    std::uint64_t size) {
  ModelMemory bytes(memory, size);
  std::uint64_t sum = 0;
  unsigned steps = 0;
  std::uint32_t j = 0;
  do {
    std::uint32_t i = 0;
    do {
      std::uint64_t value = 0;
      for (const auto& access : shape.accesses) {
        if (access.only_when_odd && i % 2 == 0) {
          value = access.store ? value : 0;
          continue;
        }
        const auto index = input.starts[access.start] + static_cast<std::uint32_t>(access.distance) +
                           static_cast<std::uint32_t>(access.step) * i +
                           static_cast<std::uint32_t>(access.outer_step) * j;
        const auto address = std::uint64_t{index} + access.offset;
        if (!bytes.contains(address, access.bytes))
          return LoopResult{};
        if (!bytes.knows(address, access.bytes))
          return std::nullopt;
        if (access.store) {
          bytes.store(address, access.bytes, value + i);
        } else {
          value = bytes.load(address, access.bytes);
          sum += value;
        }
      }
      if (++steps > kMaxModelSteps)
        return std::nullopt;
    } while (goes_on(shape.counting, i, input.n));
  } while (++j < input.outer);
  return LoopResult{sum};
}

Arena::Arena(std::uint64_t size) {
  auto* const base = mmap(nullptr, kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED || mprotect(base, size, PROT_READ | PROT_WRITE) != 0)
    throw std::runtime_error("no address space for a guarded memory");
  memory_ = {.base = static_cast<std::uint8_t*>(base), .size = size};
  instance_ = {.memory_base = memory_.base, .memory0 = &memory_};
}

Arena::~Arena() { munmap(memory_.base, kReserved); }

std::vector<std::uint8_t> Arena::windows() const {
  std::vector<std::uint8_t> bytes(base(), base() + kWindow);
  if (size() > kWindow)
    bytes.insert(bytes.end(), base() + size() - kWindow, base() + size());
  return bytes;
}

void Arena::set_windows(const std::vector<std::uint8_t>& bytes) {
  std::memcpy(base(), bytes.data(), kWindow);
  std::memcpy(base() + size() - kWindow, bytes.data() + bytes.size() - kWindow, kWindow);
}

ParsedModule optimise(const std::string& ir, unsigned opt_level) {
  auto parsed = parse(ir);
  Pipeline pipeline(opt_level);
  pipeline.prepare(*parsed.module);
  pipeline.optimise(*parsed.module);
  return parsed;
}

ParsedModule transform(const std::string& ir, std::string_view passes) {
  auto parsed = parse(ir);
  const auto machine = host_machine();
  parsed.module->setTargetTriple(machine->getTargetTriple());
  parsed.module->setDataLayout(machine->createDataLayout());
  for (auto& function : *parsed.module)
    function.addFnAttr("target-cpu", machine->getTargetCPU());

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine.get());
  builder.registerPipelineParsingCallback([](llvm::StringRef name, llvm::FunctionPassManager& manager, auto) {
    if (name != "wzrun-version")
      return false;
    manager.addPass(LinearMemoryLoopVersioning());
    manager.addPass(CountEntries());
    return true;
  });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::FunctionPassManager manager;
  if (auto error = builder.parsePassPipeline(manager, llvm::StringRef(passes)))
    fail(std::move(error));
  for (auto& function : *parsed.module)
    if (!function.isDeclaration())
      manager.run(function, functions);
  return parsed;
}

unsigned ParsedModule::versioned_loops() const {
  unsigned count = 0;
  for (const auto& function : *module)
    count += static_cast<unsigned>(std::ranges::count_if(function, begins_fast_loop));
  return count;
}

bool ParsedModule::has_vectors() const {
  for (const auto& function : *module)
    for (const auto& instruction : llvm::instructions(function))
      if (instruction.getType()->isVectorTy())
        return true;
  return false;
}

CompiledLoop::CompiledLoop(const std::string& ir, std::string_view passes) {
  auto parsed = transform(ir, passes);
  auto* const counter = entry_counter(*parsed.module);
  counter->setInitializer(llvm::Constant::getNullValue(counter->getValueType()));
  jit_ = take(llvm::orc::LLJITBuilder().create());
  if (auto error = jit_->addIRModule({std::move(parsed.module), std::move(parsed.context)}))
    fail(std::move(error));
  function_ = take(jit_->lookup("f")).toPtr<decltype(function_)>();
  fast_entries_ = take(jit_->lookup("fast_entries")).toPtr<const std::uint64_t*>();
}

LoopResult CompiledLoop::run(const Arena& arena, const LoopInput& input) {
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &before);
  guarded_base = arena.base();
  std::uint64_t result = 0;
  const bool returned = run_until_trap(function_, arena.instance(), input, result);
  sigaction(SIGSEGV, &before, nullptr);
  return returned ? LoopResult{result} : std::nullopt;
}

}  // namespace wzrun::codegen::test
