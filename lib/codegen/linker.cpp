#include "codegen/linker.h"

#include <llvm/ExecutionEngine/JITLink/JITLink.h>
#include <llvm/ExecutionEngine/JITLink/aarch64.h>
#include <llvm/ExecutionEngine/JITLink/x86_64.h>
#include <llvm/ExecutionEngine/Orc/SymbolStringPool.h>
#include <llvm/Support/MathExtras.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace wzrun::codegen {

namespace {

namespace jitlink = llvm::jitlink;
using llvm::orc::ExecutorAddr;

/// Where the code pretends to lie while it is linked. Nothing depends on it.
constexpr std::uint64_t kBase = std::uint64_t{1} << 32;
constexpr std::uint64_t kMaxCode = std::uint64_t{1} << 30;

std::unexpected<Error> failure(std::string message) {
  return std::unexpected(Error{ErrorKind::unsupported, Error::kNoOffset, std::move(message)});
}

/// Whether an edge is resolved to a distance, which stays right wherever the whole is mapped.
bool is_relative(const llvm::Triple& triple, jitlink::Edge::Kind kind) {
  if (kind < jitlink::Edge::FirstRelocation)
    return true;
  if (triple.isAArch64()) {
    using namespace jitlink::aarch64;  // NOLINT(google-build-using-namespace): a dozen enumerators
    return kind == Branch26PCRel || kind == Page21 || kind == PageOffset12 || kind == Delta32 || kind == Delta64 ||
           kind == NegDelta32 || kind == NegDelta64 || kind == ADRLiteral21 || kind == LDRLiteral19 ||
           kind == CondBranch19PCRel || kind == TestAndBranch14PCRel;
  }
  using namespace jitlink::x86_64;  // NOLINT(google-build-using-namespace)
  return kind == Delta8 || kind == Delta32 || kind == Delta64 || kind == NegDelta32 || kind == NegDelta64 ||
         kind == PCRel32 || kind == BranchPCRel32;
}

struct Linking;

/// Memory of one object while it is linked.
class Allocation : public jitlink::JITLinkMemoryManager::InFlightAlloc {
 public:
  void abandon(OnAbandonedFunction on_abandoned) override { on_abandoned(llvm::Error::success()); }
  void finalize(OnFinalizedFunction on_finalized) override {
    on_finalized(jitlink::JITLinkMemoryManager::FinalizedAlloc());
  }
};

/// What the links of all objects share. Every object is laid out before any is resolved.
struct Linking : jitlink::JITLinkMemoryManager {
  std::vector<std::pair<std::uint64_t, std::vector<char>>> pieces;  ///< by their place in the code
  std::uint64_t size = 0;
  llvm::DenseMap<llvm::orc::SymbolStringPtr, ExecutorAddr> defined;
  std::vector<LinkedSymbol> symbols;
  std::vector<std::uint64_t> code_sections;  ///< where those of the objects begin
  struct Waiting {
    jitlink::JITLinkContext::LookupMap wanted;
    std::unique_ptr<jitlink::JITLinkAsyncLookupContinuation> resume;
  };
  std::vector<Waiting> waiting;
  std::string error;

  void allocate(const jitlink::JITLinkDylib*, jitlink::LinkGraph& graph, OnAllocatedFunction on_allocated) override {
    jitlink::BasicLayout layout(graph);
    for (auto& [group, segment] : layout.segments()) {
      size = llvm::alignTo(size, segment.Alignment);
      auto& [place, bytes] = pieces.emplace_back(size, std::vector<char>(segment.ContentSize + segment.ZeroFillSize));
      segment.Addr = ExecutorAddr(kBase + place);
      segment.WorkingMem = bytes.data();
      size += bytes.size();
    }
    if (size > kMaxCode) {
      on_allocated(llvm::createStringError("more than 1 GiB of code"));
      return;
    }
    if (auto failed = layout.apply()) {
      on_allocated(std::move(failed));
      return;
    }
    on_allocated(std::make_unique<Allocation>());
  }
  using JITLinkMemoryManager::allocate;
  void deallocate(std::vector<FinalizedAlloc>, OnDeallocatedFunction on_deallocated) override {
    on_deallocated(llvm::Error::success());
  }
  using JITLinkMemoryManager::deallocate;
};

class Context : public jitlink::JITLinkContext {
 public:
  explicit Context(Linking& linking) : JITLinkContext(nullptr), linking_(linking) {}

  jitlink::JITLinkMemoryManager& getMemoryManager() override { return linking_; }
  void notifyFailed(llvm::Error error) override {
    auto message = llvm::toString(std::move(error));
    if (linking_.error.empty())
      linking_.error = std::move(message);
  }
  void lookup(const LookupMap& wanted, std::unique_ptr<jitlink::JITLinkAsyncLookupContinuation> resume) override {
    linking_.waiting.push_back({wanted, std::move(resume)});
  }
  llvm::Error notifyResolved(jitlink::LinkGraph& graph) override {
    for (auto* const symbol : graph.defined_symbols()) {
      if (!symbol->hasName() || !symbol->isCallable())
        continue;
      const auto begin = static_cast<std::uint32_t>(symbol->getAddress().getValue() - kBase);
      linking_.symbols.push_back(
          {(*symbol->getName()).str(), begin, begin + static_cast<std::uint32_t>(symbol->getSize())});
      if (symbol->getScope() != jitlink::Scope::Local)
        linking_.defined[symbol->getName()] = symbol->getAddress();
    }
    const auto* const code = graph.findSectionByName(kCodeSection);
    linking_.code_sections.push_back(
        code == nullptr || code->empty() ? 0 : jitlink::SectionRange(*code).getStart().getValue() - kBase);
    return llvm::Error::success();
  }
  void notifyFinalized(jitlink::JITLinkMemoryManager::FinalizedAlloc) override {}
  bool shouldAddDefaultTargetPasses(const llvm::Triple&) const override { return false; }
  llvm::Error modifyPassConfig(jitlink::LinkGraph&, jitlink::PassConfiguration& passes) override {
    passes.PrePrunePasses.emplace_back([](jitlink::LinkGraph& graph) {
      for (auto* const symbol : graph.defined_symbols())  // what is not loaded, such as lines, is not linked
        symbol->setLive(symbol->getSection().getMemLifetime() != llvm::orc::MemLifetime::NoAlloc);
      return llvm::Error::success();
    });
    passes.PreFixupPasses.emplace_back([](jitlink::LinkGraph& graph) -> llvm::Error {
      for (auto* const block : graph.blocks())
        for (const auto& edge : block->edges())
          if (!is_relative(graph.getTargetTriple(), edge.getKind()))
            return llvm::createStringError("an absolute reference in section " + block->getSection().getName());
      return llvm::Error::success();
    });
    return llvm::Error::success();
  }

 private:
  Linking& linking_;
};

}  // namespace

Expected<LinkedCode> link(std::span<const Object> objects) {
  const auto pool = std::make_shared<llvm::orc::SymbolStringPool>();  // outlives the names that `linking` keeps
  Linking linking;
  for (const auto& object : objects) {
    const llvm::MemoryBufferRef buffer({object.file.data(), object.file.size()}, "object");
    auto graph = jitlink::createLinkGraphFromObject(buffer, pool);
    if (!graph)
      return failure(llvm::toString(graph.takeError()));
    jitlink::link(std::move(*graph), std::make_unique<Context>(linking));
    if (!linking.error.empty())
      return failure(linking.error);
  }
  for (auto& [wanted, resume] : linking.waiting) {
    jitlink::AsyncLookupResult result;
    std::string missing;
    for (const auto& [name, flags] : wanted) {
      const auto found = linking.defined.find(name);
      if (found == linking.defined.end())
        missing = (*name).str();
      else
        result[name] = {found->second, llvm::JITSymbolFlags::Exported};
    }
    if (missing.empty())
      resume->run(std::move(result));
    else
      resume->run(llvm::createStringError("code refers to " + missing));
  }
  linking.waiting.clear();
  if (!linking.error.empty())
    return failure(linking.error);

  LinkedCode linked;
  linked.code.resize(linking.size);
  for (const auto& [place, bytes] : linking.pieces)
    std::ranges::copy(bytes, linked.code.begin() + static_cast<std::ptrdiff_t>(place));
  linked.symbols = std::move(linking.symbols);
  std::ranges::sort(linked.symbols, {}, &LinkedSymbol::begin);
  for (std::size_t i = 0; i < objects.size(); ++i)
    for (const auto& line : objects[i].lines)
      linked.lines.push_back(
          {static_cast<std::uint32_t>(linking.code_sections[i] + line.code_offset), line.module_offset});
  std::ranges::sort(linked.lines, {}, &LinkedLine::address);
  return linked;
}

}  // namespace wzrun::codegen
