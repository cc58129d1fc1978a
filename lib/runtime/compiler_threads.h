#pragma once

#include <cstdint>
#include <functional>

/// Threads for the compiler: LLVM recurses deeper than a caller's stack may be, and has bugs of its own. A crash ends
/// the compilation and not the process. What the compiler held at that moment, memory and locks, stays held.
namespace wzrun::runtime {

/// Calls body(number) for numbers from 0 to `count` at most, all at once on as many threads as there can be, at least
/// one (this one if the host gives no other), and waits for them. For each call that crashed, threw or gave up, calls
/// failed(number, why) on this thread afterwards.
void run_compiler_threads(std::uint32_t count, const std::function<void(std::uint32_t number)>& body,
                          const std::function<void(std::uint32_t number, const char* why)>& failed);

/// Ends the present call of a body, from within it; `why` is copied. Returns if this thread is in none.
void give_up_compiling(const char* why);

/// For signal handlers: if this thread is in the body of run_compiler_threads, notes the signal and returns the landing
/// (trampoline.h) where it goes on; else null.
void* compiler_crash(int signal);

}  // namespace wzrun::runtime
