#pragma once

#include "codegen/object.h"

#include <llvm/CodeGen/AsmPrinterHandler.h>
#include <llvm/MC/MCObjectStreamer.h>
#include <llvm/Support/raw_ostream.h>

#include <vector>

// Lines without DWARF, whose writing and reading took a tenth of the time of a fast compilation.
namespace wzrun::codegen {

/// Notes where the printer of instructions is whenever it comes to one with a debug location.
class LineRecorder : public llvm::AsmPrinterHandler {
 public:
  struct Place {
    const llvm::MCFragment* fragment = nullptr;
    std::uint64_t offset = 0;         ///< in the fragment
    std::uint64_t module_offset = 0;  ///< the line is one more
  };

  LineRecorder(const llvm::MCStreamer& streamer, std::vector<Place>& places) : streamer_(streamer), places_(places) {}

  void endModule() override {}
  void beginFunction(const llvm::MachineFunction*) override {}
  void endFunction(const llvm::MachineFunction*) override {}
  void beginInstruction(const llvm::MachineInstr* instruction) override;

 private:
  const llvm::MCStreamer& streamer_;
  std::vector<Place>& places_;
};

/// Takes the bytes of an object file. Nothing of it is written before all of its fragments have their places, nor after
/// they are freed; so the lines are made of the recorded places when the first byte comes.
class ObjectStream : public llvm::raw_pwrite_stream {
 public:
  ObjectStream(Object& object, const std::vector<LineRecorder::Place>& places)
      : raw_pwrite_stream(/*Unbuffered=*/true), object_(object), places_(places) {}
  ~ObjectStream() override;

  /// The assembler that lays the object out; to be given before it does.
  void set_assembler(const llvm::MCAssembler& assembler) { assembler_ = &assembler; }

 private:
  void write_impl(const char* bytes, std::size_t size) override;
  void pwrite_impl(const char* bytes, std::size_t size, std::uint64_t offset) override;
  std::uint64_t current_pos() const override { return object_.file.size(); }
  void make_lines();

  Object& object_;
  const std::vector<LineRecorder::Place>& places_;
  const llvm::MCAssembler* assembler_ = nullptr;
};

}  // namespace wzrun::codegen
