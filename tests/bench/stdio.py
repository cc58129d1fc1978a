#!/usr/bin/env python3
"""Compare how fast programs read and write: a copy of a large file beside `cat`, and a million writes of one byte.

  stdio.py [--build FOLDER] [--rounds N] [--size MIB] [--peer NAME=COMMAND]

The runs go by turns; the outputs go to /dev/null and through a pipe. Where strace is installed, the system calls of wzrun
are counted: a write of the program is to be one of the host's.
"""
import argparse, os, pathlib, re, shutil, statistics, subprocess, sys, tempfile, time
from measure import ROOT, engines, quietly, wzrun

WRITES = 1_000_000


def seconds(words, given, piped, environment):
    """-> wall time of one run with `given` as its input"""
    with open(given, 'rb') as source:
        begin = time.perf_counter()
        out = subprocess.PIPE if piped else subprocess.DEVNULL
        with subprocess.Popen([str(w) for w in words], stdin=source, stdout=out, env=environment) as process:
            if piped:
                buffer = bytearray(1 << 17)
                while process.stdout.readinto(buffer):
                    pass
            status = process.wait()
        if status != 0:
            raise SystemExit(f'{words[0]}: exit status {status}')
        return time.perf_counter() - begin


def compare(title, programs, given, piped, rounds, limit):
    """Prints medians and their ratios to the first program. `limit` is what wzrun llvm's may be."""
    times = {name: [] for name in programs}
    for number in range(-1, rounds):
        for name, (words, environment) in programs.items():
            took = seconds(words, given, piped, environment)
            if number >= 0:
                times[name].append(took)
    first = next(iter(programs))
    print(f"{title}, {'through a pipe' if piped else 'to /dev/null'}: medians of {rounds} rounds, and ratios to {first}")
    for name, values in times.items():
        ratio = statistics.median(values) / statistics.median(times[first])
        wanted = f'  (to be at most {limit:.2f})' if name == 'wzrun llvm' and name != first and limit else ''
        print(f'  {name:22}{statistics.median(values) * 1e3:10.1f} ms{ratio:8.2f}{wanted}')
    print(flush=True)


def runtimes(executable, module, scratch, peers):
    """-> words and environment by name"""
    environment = {**os.environ, 'WZRUN_CACHE_DIR': str(scratch / 'cache')}
    programs = {name: ([command, module], environment) for name, command in peers.items()}
    if shutil.which('wasmtime'):
        compiled = scratch / (module.stem + '.cwasm')
        if not quietly('wasmtime', 'compile', '-o', compiled, module):
            programs['wasmtime'] = ['wasmtime', 'run', '--allow-precompiled', compiled], environment
    if 'llvm' in engines(executable):
        subprocess.run([executable, 'compile', module], env=environment, check=True, capture_output=True)
        programs['wzrun llvm'] = [executable, '--engine', 'llvm', module], environment
    programs['wzrun interp'] = [executable, '--engine', 'interp', module], environment
    if shutil.which('wazero'):
        programs['wazero'] = ['wazero', 'run', '-cachedir', scratch / 'wazero', module], environment
    return programs


def count_system_calls(words, environment):
    done = subprocess.run(['strace', '-f', '-c', *map(str, words)], env=environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    calls = {m[2]: int(m[1]) for m in re.finditer(r'^ *[\d.]+ +[\d.]+ +\d+ +(\d+)(?: +\d+)? +(\w+)$', done.stderr, re.M)}
    calls.pop('total', None)
    return calls.get('write', 0) + calls.get('writev', 0), sum(calls.values())


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--build', type=pathlib.Path, default=ROOT / 'build' / 'release', help='build folder; default: build/release')
    ap.add_argument('--rounds', type=int, default=5)
    ap.add_argument('--size', type=int, default=1024, help='MiB to copy; default 1024')
    ap.add_argument('--peer', action='append', default=[], metavar='NAME=COMMAND',
                    help='another runtime: COMMAND with a module as its argument runs it')
    options = ap.parse_args()
    peers = dict(peer.split('=', 1) for peer in options.peer)
    executable = wzrun(options.build)
    modules = (options.build / 'testdata' / 'stdio').absolute()
    with tempfile.TemporaryDirectory(prefix='stdio-') as scratch:
        scratch = pathlib.Path(scratch)
        large = scratch / 'large'
        large.touch()
        os.truncate(large, options.size << 20)
        for piped in (False, True):
            programs = {'cat': (['cat'], dict(os.environ))} | runtimes(executable, modules / 'copy.wasm', scratch, peers)
            compare(f'copy of {options.size} MiB', programs, large, piped, options.rounds, 2)
        for piped in (False, True):
            programs = runtimes(executable, modules / 'small_writes.wasm', scratch, peers)
            compare(f'{WRITES} writes of a byte', programs, os.devnull, piped, options.rounds,
                    1.5 if 'wasmtime' in programs else None)
        if shutil.which('strace'):
            for name, (words, environment) in runtimes(executable, modules / 'small_writes.wasm', scratch, peers).items():
                writes, calls = count_system_calls(words, environment)
                print(f'{name}: {writes} writes among {calls} system calls')


main()
