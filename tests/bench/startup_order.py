#!/usr/bin/env python3
"""Which functions and variables of wzrun a start needs, in the order of their first use: for cmd/startup_order.txt,
by which the linker lays them out side by side, so that a start touches few pages. x86-64 Linux.

    tests/bench/startup_order.py build/release/bin/wzrun build/release/testdata/hello.wasm > cmd/startup_order.txt

Steps through whole runs, one instruction at a time: of compiled code, cold, on the interpreter, and with options.
"""

import argparse
import bisect
import ctypes
import os
import signal
import subprocess
import tempfile

PTRACE_TRACEME, PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETOPTIONS = 0, 9, 12, 0x4200
PTRACE_O_TRACEEXIT, PTRACE_EVENT_EXIT = 0x40, 6
RIP = 16  # of the words of struct user_regs_struct
REGISTERS = 27
STEPS_TO_LOOK = 40  # a mutex is locked for longer, and as before afterwards

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


class Symbols:
    """Of functions and variables, by address. What the linker has folded into one has several."""

    def __init__(self, executable):
        lines = subprocess.run(["nm", "-S", "--defined-only", executable], capture_output=True, text=True, check=True)
        self.symbols = {}
        for line in lines.stdout.splitlines():
            *numbers, kind, name = line.split()
            size = int(numbers[1], 16) if len(numbers) > 1 else 0
            if kind in "tTwWbBdDuV":
                self.symbols.setdefault(int(numbers[0], 16), []).append((size, name))
        self.starts = sorted(self.symbols)

    def at(self, address):
        start = self.starts[max(bisect.bisect_right(self.starts, address) - 1, 0)]
        # The C library's own code before main() has no sizes.
        return [(size, name) for size, name in self.symbols[start] if start <= address < start + size or size == 0]


def writable_sections(executable):
    """(address, size, offset in the file or None) of .data and .bss."""
    lines = subprocess.run(["readelf", "-W", "-S", executable], capture_output=True, text=True, check=True)
    for line in lines.stdout.splitlines():
        words = line.partition("]")[2].split()
        if words and words[0] in (".data", ".bss"):
            yield int(words[2], 16), int(words[4], 16), int(words[3], 16) if words[1] == "PROGBITS" else None


def mapping(pid, executable):
    """Where the executable begins and ends in the process."""
    ranges = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        for line in maps:
            if line.rstrip().endswith(executable):
                ranges.append([int(word, 16) for word in line.split()[0].split("-")])
    return (ranges[0][0], ranges[-1][1]) if ranges else (0, 0)


class Variables:
    """Those of a process that are written."""

    def __init__(self, pid, base, executable):
        self.memory = open(f"/proc/{pid}/mem", "rb", buffering=0)
        self.sections = []
        self.written = set()
        with open(executable, "rb") as file:
            for address, size, offset in writable_sections(executable):
                content = bytes(size)
                if offset is not None:
                    file.seek(offset)
                    content = file.read(size)
                self.sections.append([address, base + address, content])

    def look(self):
        for section in self.sections:
            address, place, before = section
            now = os.pread(self.memory.fileno(), len(before), place)
            if now != before:
                self.written.update(address + i for i in range(len(now)) if now[i] != before[i])
                section[2] = now


def trace(command, environment):
    """Addresses in the executable in the order of their first execution, and those of variables that were written."""
    executable = os.path.realpath(command[0])
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        libc.ptrace(PTRACE_TRACEME, 0, None, None)
        os.execve(executable, command, environment)
    os.waitpid(child, 0)
    libc.ptrace(PTRACE_SETOPTIONS, child, None, PTRACE_O_TRACEEXIT)
    base, end = mapping(child, executable)
    executed, variables, steps = {}, Variables(child, base, executable), 0
    registers = (ctypes.c_ulonglong * REGISTERS)()
    pass_on = 0
    while libc.ptrace(PTRACE_SINGLESTEP, child, None, pass_on) == 0:
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            break
        if status >> 16 == PTRACE_EVENT_EXIT:
            variables.look()
            continue
        pass_on = 0 if os.WSTOPSIG(status) == signal.SIGTRAP else os.WSTOPSIG(status)
        steps += 1
        if steps % STEPS_TO_LOOK == 0:
            variables.look()
        libc.ptrace(PTRACE_GETREGS, child, None, ctypes.addressof(registers))
        if base <= registers[RIP] < end:
            executed.setdefault(registers[RIP] - base)
    return list(executed), variables.written


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wzrun")
    parser.add_argument("module")
    arguments = parser.parse_args()
    symbols = Symbols(arguments.wzrun)
    functions, written = {}, {}
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "WZRUN_CACHE_DIR": cache}
        warm = [arguments.wzrun, arguments.module]
        subprocess.run([arguments.wzrun, "compile", arguments.module], env=environment, check=True)
        subprocess.run(warm, env=environment, check=True, stdout=subprocess.DEVNULL)
        elsewhere = {**environment, "WZRUN_CACHE_DIR": os.path.join(cache, "empty")}
        runs = [(warm, environment), (warm, elsewhere), ([*warm, "--engine", "interp"], environment),
                ([*warm, "--dir=.", "--env", "HOME", "--", "x"], environment)]
        for command, variables in runs:
            executed, changed = trace(command, variables)
            functions.update((name, None) for address in executed for _, name in symbols.at(address))
            # Small variables first, so that few pages hold most of them.
            found = sorted({symbol for address in changed for symbol in symbols.at(address)})
            written.update((name, None) for _, name in found)
    print("\n".join([*functions, *written]))


if __name__ == "__main__":
    main()
