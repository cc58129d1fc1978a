#!/usr/bin/env python3
"""Which functions and variables of wzrun a start needs, in the order of their first use: for cmd/startup_order.txt,
by which the linker lays them out side by side, so that a start touches few pages. x86-64 Linux.

    tests/bench/startup_order.py build/release/bin/wzrun build/release/testdata/hello.wasm > cmd/startup_order.txt

Steps through whole runs, one instruction at a time: warm, with options, and cold on the interpreter.
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

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


class Symbols:
    """Of functions and variables, by address."""

    def __init__(self, executable):
        lines = subprocess.run(["nm", "-S", "--defined-only", executable], capture_output=True, text=True, check=True)
        found = []
        for line in lines.stdout.splitlines():
            words = line.split()
            if len(words) == 4 and words[2] in "tTwWbBdDuV":
                found.append((int(words[0], 16), int(words[1], 16), words[3]))
        self.symbols = sorted(found)
        self.starts = [start for start, _, _ in self.symbols]

    def at(self, address):
        index = bisect.bisect_right(self.starts, address) - 1
        start, size, name = self.symbols[index]
        return name if index >= 0 and address < start + size else None


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


def written(pid, base, executable):
    """Addresses in the executable whose bytes are other at the end than at the beginning."""
    with open(f"/proc/{pid}/mem", "rb") as memory, open(executable, "rb") as file:
        for address, size, offset in writable_sections(executable):
            memory.seek(base + address)
            now = memory.read(size)
            before = bytes(size)
            if offset is not None:
                file.seek(offset)
                before = file.read(size)
            yield from (address + i for i in range(size) if now[i] != before[i])


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
    executed, variables = {}, []
    registers = (ctypes.c_ulonglong * REGISTERS)()
    pass_on = 0
    while libc.ptrace(PTRACE_SINGLESTEP, child, None, pass_on) == 0:
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            break
        if status >> 16 == PTRACE_EVENT_EXIT:
            variables = list(written(child, base, executable))
            continue
        pass_on = 0 if os.WSTOPSIG(status) == signal.SIGTRAP else os.WSTOPSIG(status)
        libc.ptrace(PTRACE_GETREGS, child, None, ctypes.addressof(registers))
        if base <= registers[RIP] < end:
            executed.setdefault(registers[RIP] - base)
    return list(executed), variables


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wzrun")
    parser.add_argument("module")
    arguments = parser.parse_args()
    symbols = Symbols(arguments.wzrun)
    functions, variables = {}, {}
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "WZRUN_CACHE_DIR": cache}
        warm = [arguments.wzrun, arguments.module]
        subprocess.run([arguments.wzrun, "compile", arguments.module], env=environment, check=True)
        subprocess.run(warm, env=environment, check=True, stdout=subprocess.DEVNULL)
        for command in (warm, [*warm, "--dir=.", "--env", "HOME", "--", "x"], [*warm, "--engine", "interp"]):
            executed, changed = trace(command, environment)
            functions.update((name, None) for name in map(symbols.at, executed) if name)
            variables.update((name, None) for name in map(symbols.at, changed) if name)
    print("\n".join([*functions, *variables]))


if __name__ == "__main__":
    main()
