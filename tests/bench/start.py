#!/usr/bin/env python3
"""Compare how long it takes to start: hello world with C programs, `esbuild --version` and `yosys -V` with other runtimes.

  start.py [--build FOLDER] [--rounds N]

Every runtime is warm: compiled code comes from a cache, or from a file where the column says precompiled. The runs go by
turns. esbuild and yosys are in the folder that ../shared/real/get.py fills, or in $WZRUN_REAL_WORK_DIR.
"""
import argparse, os, pathlib, shutil, subprocess, sys, tempfile
from measure import HERE, ROOT, Run, by_turns, engines, quietly, real_programs, wzrun

HELLO = 'Hello from WebAssembly!'


def c_programs(scratch):
    source = scratch / 'hello.c'
    source.write_text(f'#include <stdio.h>\nint main(void) {{ puts("{HELLO}"); }}\n')
    compiler = os.environ.get('CC', 'clang-22')
    for name, flags in (('dynamic', []), ('static', ['-static'])):
        subprocess.run([compiler, '-O2', *flags, source, '-o', scratch / name], check=True)
    return {'C, dynamic': Run([scratch / 'dynamic']), 'C, static': Run([scratch / 'static'])}


def runtimes(executable, module, args, scratch):
    """-> Run by name, compiled ahead where the runtime can."""
    cache = {'WZRUN_CACHE_DIR': str(scratch / 'cache')}
    runs = {}
    if 'llvm' in engines(executable):
        runs['wzrun llvm'] = Run([executable, '--engine', 'llvm', module, *args], environment=cache)
        runs['wzrun llvm'].wrong = quietly(executable, 'compile', module, env=runs['wzrun llvm'].environment)[-200:]
    runs['wzrun interp'] = Run([executable, '--engine', 'interp', module, *args])
    if shutil.which('wasmtime'):
        settings = scratch / 'wasmtime.toml'
        settings.write_text(f'[cache]\ndirectory = "{scratch}/wasmtime"\n')
        runs['wasmtime'] = Run(['wasmtime', 'run', '-C', f'cache=y,cache-config={settings}', module, *args])
        compiled = scratch / (module.stem + '.cwasm')
        precompiled = Run(['wasmtime', 'run', '--allow-precompiled', compiled, *args])
        precompiled.wrong = quietly('wasmtime', 'compile', '-o', compiled, module)[-200:]
        runs['wasmtime precompiled'] = precompiled
    if shutil.which('wazero'):
        runs['wazero'] = Run(['wazero', 'run', '-cachedir', scratch / 'wazero', module, *args])
    if shutil.which('node'):
        runs['node'] = Run(['node', '--no-warnings', HERE / 'node_wasi.mjs', module, *args])
    return runs


def measure(title, runs, expected, rounds, against):
    """Prints medians, and their ratios to `against`, of which wzrun llvm's is to be at most `limit`."""
    against, limit = against
    for run in runs.values():
        run.expected = expected
    by_turns(list(runs.values()), rounds, warmup=2)
    first = runs[against].median() if against in runs else None
    print(f'{title}: medians of {rounds} rounds' + (f', and ratios to {against}' if first else ''))
    for name, run in runs.items():
        median = run.median()
        if median is None:
            print(f'  {name:22}  FAIL  {run.wrong}')
            continue
        print(f'  {name:22}{median * 1e3:10.2f} ms' + (f'{median / first:9.2f}' if first else '') +
              (f'  (to be at most {limit:.2f})' if first and name == 'wzrun llvm' else ''))
    print(flush=True)
    return not any(run.wrong for run in runs.values())


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--build', type=pathlib.Path, default=ROOT / 'build' / 'release', help='build folder; default: build/release')
    ap.add_argument('--rounds', type=int, default=200, help='rounds of hello world; the others have a tenth')
    options = ap.parse_args()
    executable = wzrun(options.build)
    good = True
    with tempfile.TemporaryDirectory(prefix='start-') as scratch:
        scratch = pathlib.Path(scratch)
        hello = (options.build / 'testdata' / 'hello.wasm').absolute()
        good &= measure('hello', c_programs(scratch) | runtimes(executable, hello, [], scratch), f'{HELLO}\n'.encode(),
                        options.rounds, ('C, dynamic', 1.5))
        folder = real_programs()
        if folder is None:
            print('start: no esbuild and yosys: ../shared/real/get.py fetches them')
        else:
            for name, words in (('esbuild', ['--version']), ('yosys', ['-V'])):
                module = folder / 'modules' / f'{name}.wasm'
                runs = runtimes(executable, module, words, scratch)
                expected = runs['wzrun interp'].checked()
                good &= measure(' '.join([name, *words]), runs, expected, max(1, options.rounds // 10), ('wasmtime', 0.5))
                if 'wzrun llvm' in runs:
                    traced = Run([executable, '--engine', 'llvm', '--stats', module, *words],
                                 environment={'WZRUN_CACHE_DIR': str(scratch / 'cache')})
                    traced.once()
                    print(traced.errors)
    sys.exit(not good)


main()
