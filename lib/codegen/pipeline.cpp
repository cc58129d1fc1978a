#include "codegen/pipeline.h"

#include "codegen/line_recorder.h"
#include "codegen/load_locations.h"
#include "codegen/loop_versioning.h"
#include "codegen/selection_preparation.h"

#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/CodeGen/AsmPrinter.h>
#include <llvm/CodeGen/ExpandReductions.h>
#include <llvm/CodeGen/InterleavedAccess.h>
#include <llvm/CodeGen/MachineModuleInfo.h>
#include <llvm/CodeGen/Passes.h>
#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/PassManager.h>
#include <llvm/InitializePasses.h>
#include <llvm/MC/MCObjectStreamer.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/TargetParser/SubtargetFeature.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/GVN.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/LoopRotation.h>
#include <llvm/Transforms/Scalar/LoopStrengthReduce.h>
#include <llvm/Transforms/Scalar/LoopUnrollPass.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/ScalarizeMaskedMemIntrin.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Utils/LCSSA.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>
#include <llvm/Transforms/Utils/Mem2Reg.h>
#include <llvm/Transforms/Vectorize/LoopVectorize.h>
#include <llvm/Transforms/Vectorize/SLPVectorizer.h>
#include <llvm/Transforms/Vectorize/VectorCombine.h>

#include <array>
#include <mutex>
#include <string>

namespace wzrun::codegen {

namespace {

/// In bytes, a line of the cache: the same loop takes up to 1.4 times as long where it lies badly.
constexpr unsigned kLoopAlignment = 64;

llvm::CodeGenOptLevel codegen_level(unsigned opt_level) {
  switch (opt_level) {
    case 0:
      return llvm::CodeGenOptLevel::None;
    case 1:
      return llvm::CodeGenOptLevel::Less;
    case 2:
      return llvm::CodeGenOptLevel::Default;
    default:
      return llvm::CodeGenOptLevel::Aggressive;
  }
}

/// Takes out passes over machine code that serve instrumentation, other languages' run times and debuggers.
void disable_passes_for_others(llvm::TargetPassConfig& config) {
  for (auto* const pass :
       {&llvm::FEntryInserterID, &llvm::XRayInstrumentationID, &llvm::PatchableFunctionID,
        &llvm::FixupStatepointCallerSavedID, &llvm::StackMapLivenessID, &llvm::RemoveLoadsIntoFakeUsesID,
        &llvm::RemoveRedundantDebugValuesID, &llvm::LiveDebugValuesID, &llvm::FuncletLayoutID,
        &llvm::MachineSanitizerBinaryMetadataID, &llvm::StackFrameLayoutAnalysisPassID})
    config.disablePass(pass);
}

void initialise_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::initializeCodeGen(*llvm::PassRegistry::getPassRegistry());
  });
}

// Asked for once: on a virtual processor the hypervisor answers, and takes its time.

const std::string& host_name() {
  static const auto name = llvm::sys::getHostCPUName().str();
  return name;
}

const std::string& host_features() {
  static const auto text = [] {
    llvm::SubtargetFeatures features;
    for (const auto& [name, present] : llvm::sys::getHostCPUFeatures())
      features.AddFeature(name, present);
    return features.getString();
  }();
  return text;
}

auto hoist_invariants() {
  return llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), /*UseMemorySSA=*/true);
}

/// For functions that have loops which can be vectorised.
llvm::FunctionPassManager vectorising_passes(const llvm::TargetMachine& machine, unsigned opt_level) {
  llvm::FunctionPassManager passes;
  passes.addPass(hoist_invariants());
  passes.addPass(llvm::LoopVectorizePass());
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::SLPVectorizerPass());
  passes.addPass(llvm::VectorCombinePass());
  passes.addPass(llvm::LoopUnrollPass(llvm::LoopUnrollOptions(static_cast<int>(opt_level))));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(hoist_invariants());
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::InterleavedAccessPass(machine));
  passes.addPass(llvm::ScalarizeMaskedMemIntrinPass());
  passes.addPass(llvm::ExpandReductionsPass());
  return passes;
}

}  // namespace

Pipeline::Pipeline(unsigned opt_level) : opt_level_(opt_level) {
  initialise_llvm();
  const llvm::Triple triple(llvm::sys::getProcessTriple());
  const auto* const target = llvm::TargetRegistry::lookupTarget(triple, error_);
  if (target == nullptr)
    return;
  llvm::TargetOptions options;
  options.MCOptions.AsmVerbose = false;
  options.LoopAlignment = kLoopAlignment;
  machine_.reset(target->createTargetMachine(triple, host_name(), host_features(), options, llvm::Reloc::PIC_,
                                             llvm::CodeModel::Small, codegen_level(opt_level)));
}

void Pipeline::prepare(llvm::Module& module) {
  module.setTargetTriple(machine_->getTargetTriple());
  module.setDataLayout(machine_->createDataLayout());
  module.setPICLevel(llvm::PICLevel::BigPIC);
}

void Pipeline::optimise(llvm::Module& module) {
  if (opt_level_ == 0)
    return;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine_.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);

  llvm::FunctionPassManager passes;
  passes.addPass(llvm::PromotePass());
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::SimplifyCFGPass());
  if (opt_level_ >= 2) {
    passes.addPass(llvm::InstCombinePass());
    passes.addPass(llvm::SimplifyCFGPass());
    llvm::LoopPassManager loop_passes;
    loop_passes.addPass(llvm::LoopRotatePass(false));
    loop_passes.addPass(llvm::LICMPass(llvm::LICMOptions()));
    passes.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(loop_passes), /*UseMemorySSA=*/true));
    passes.addPass(llvm::GVNPass());
    passes.addPass(llvm::InstCombinePass());
    passes.addPass(llvm::SimplifyCFGPass());
    passes.addPass(llvm::LoopSimplifyPass());
    passes.addPass(llvm::LCSSAPass());
    passes.addPass(LinearMemoryLoopVersioning(vectorising_passes(*machine_, opt_level_)));
  }
  if (opt_level_ >= 2)
    passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LoopStrengthReducePass()));
  passes.addPass(SelectionPreparation());
  llvm::ModulePassManager all;
  all.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(passes)));
  all.run(module, modules);
}

/// LLVM's own sequence has thirty passes before selection. None of them finds anything but the few here; and
/// CodeGenPrepare makes loads anew that do not know where they are from.
void Pipeline::add_selection(llvm::legacy::PassManager& passes, llvm::TargetPassConfig& config) {
  passes.add(llvm::createTargetTransformInfoWrapperPass(machine_->getTargetIRAnalysis()));
  passes.add(llvm::createUnreachableBlockEliminationPass());
  machine_->setFastISel(opt_level_ < 2);
  config.addInstSelector();
  passes.add(llvm::Pass::createPass(&llvm::FinalizeISelID));
}

Object Pipeline::emit(llvm::Module& module) {
  locate_users_of_loads(module);
  Object object;
  std::vector<LineRecorder::Place> places;
  ObjectStream stream(object, places);
  llvm::legacy::PassManager passes;
  auto* const machine_module = new llvm::MachineModuleInfoWrapperPass(machine_.get());
  auto* const config = machine_->createPassConfig(passes);
  config->setDisableVerify(true);
  config->disablePass(&llvm::ShrinkWrapID);  // every frame begins with its record, or backtraces lack callers
  if (opt_level_ < 3)
    config->disablePass(&llvm::PostRASchedulerID);  // 8 % of the time, and out-of-order processors do not notice
  config->setEnableTailMerge(false);                // two accesses that became one would not know which of them traps
  if (opt_level_ < 2)
    config->disablePass(&llvm::MachineSchedulerID);  // 7 % of level 1's time
  passes.add(config);
  passes.add(machine_module);
  disable_passes_for_others(*config);
  add_selection(passes, *config);
  config->addMachinePasses();
  config->setInitialized();
  auto streamer = llvm::cantFail(machine_->createMCStreamer(stream, nullptr, llvm::CodeGenFileType::ObjectFile,
                                                            machine_module->getMMI().getContext()));
  auto& object_streamer = static_cast<llvm::MCObjectStreamer&>(*streamer);
  stream.set_assembler(object_streamer.getAssembler());
  auto* const printer = machine_->getTarget().createAsmPrinter(*machine_, std::move(streamer));
  printer->addAsmPrinterHandler(std::make_unique<LineRecorder>(object_streamer, places));
  passes.add(printer);
  passes.add(llvm::createFreeMachineFunctionPass());
  passes.run(module);
  return object;
}

}  // namespace wzrun::codegen
