#pragma once

#include "runtime/address_table.h"
#include "runtime/execution.h"
#include "runtime/instance.h"

/// Compiled code as an engine: how it is entered, what it calls, and its frames.
namespace wzrun::runtime {

/// What compiled code calls, by NativeHelper.
const void* const* native_helpers();

/// Calls a function that has native code: arguments at `slots` are replaced by the results. If it does not return, the
/// run goes on at the execution's landing.
void enter_native(Execution& execution, FunctionInstance& function, std::uint64_t* slots);

/// Goes on in a function whose interpreter frame is at a loop; see LoopEntry. Ends as enter_native().
void enter_native_loop(Execution& execution, LoopEntry entry, Instance& instance, const std::uint64_t* frame,
                       std::uint64_t* window);

/// The frames of one activation, innermost first.
void add_native_frames(const Execution& execution, const Activation& activation, BacktraceBuilder& builder);

/// Images by the addresses of their code.
AddressTable<const AttachedImage>& attached_images();

}  // namespace wzrun::runtime
