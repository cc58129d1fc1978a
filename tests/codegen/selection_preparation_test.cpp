#include "codegen/selection_preparation.h"

#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

namespace wzrun::codegen::test {
namespace {

/// A function that makes `count` addresses, base + index + offset, in one block and loads from them in the next.
std::string loads_behind_addresses(int count) {
  std::string addresses;
  std::string loads;
  for (int i = 0; i < count; ++i) {
    addresses += fmt::format(
        "  %a{0} = getelementptr i8, ptr %base, i64 %i\n"
        "  %b{0} = getelementptr i8, ptr %a{0}, i64 {1}\n",
        i, 8 * i);
    loads += fmt::format("  %v{0} = load volatile i32, ptr %b{0}, align 1\n", i);
  }
  return fmt::format("define void @f(ptr %base, i64 %i) {{\nentry:\n{}  br label %next\nnext:\n{}  ret void\n}}\n",
                     addresses, loads);
}

bool is_made_in_block_of(const llvm::Value* value, const llvm::Instruction& user) {
  const auto* const made = llvm::dyn_cast<llvm::GetElementPtrInst>(value);
  return made != nullptr && made->getParent() == user.getParent();
}

}  // namespace

TEST_CASE("selection preparation: however many, addresses are made in the block that loads from them") {
  for (const int count : {1, 7, 8, 9, 31, 500}) {
    INFO(count << " loads");
    llvm::LLVMContext context;
    llvm::SMDiagnostic error;
    const auto module = llvm::parseAssemblyString(loads_behind_addresses(count), error, context);
    REQUIRE(module);
    auto& function = *module->getFunction("f");
    llvm::FunctionAnalysisManager analyses;
    SelectionPreparation().run(function, analyses);
    REQUIRE_FALSE(llvm::verifyModule(*module));
    int loads = 0;
    for (const auto& instruction : llvm::instructions(function)) {
      const auto* const load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
      if (load == nullptr)
        continue;
      ++loads;
      CHECK(is_made_in_block_of(load->getPointerOperand(), *load));
      const auto* const outer = llvm::dyn_cast<llvm::GetElementPtrInst>(load->getPointerOperand());
      CHECK(outer->getPointerOperand() != function.getArg(0));
      CHECK(is_made_in_block_of(outer->getPointerOperand(), *load));
    }
    CHECK(loads == count);
    CHECK(function.getEntryBlock().size() == 1);  // the originals are gone
  }
}

}  // namespace wzrun::codegen::test
