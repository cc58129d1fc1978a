#!/usr/bin/env python3
"""Compare how fast modules compile: MB of code a second and peak memory at each level, and wasmtime's beside them.

  compile.py [--build FOLDER] [--rounds N] [MODULE...]

Every compilation is a process of its own, without a cache; they go by turns, and times are medians. Code is the code
section, which is what MB/s and the factor behind the peak are reckoned by; the peak is no less than python's own, 15 to
20 MiB. Without MODULE: the real programs that ../shared/real/get.py has fetched.
"""
import argparse, pathlib, shutil, sys, tempfile
from measure import ROOT, Run, by_turns, real_programs, wzrun

CODE_SECTION = 10


def leb128(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def code_size(module):
    data, at = module.read_bytes(), 8
    while at < len(data):
        kind = data[at]
        size, at = leb128(data, at + 1)
        if kind == CODE_SECTION:
            return size
        at += size
    return 0


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--build', type=pathlib.Path, default=ROOT / 'build' / 'release', help='build folder; default: build/release')
    ap.add_argument('--rounds', type=int, default=1)
    ap.add_argument('--levels', default='0,1,2,3', help="wzrun's levels, separated by commas")
    ap.add_argument('modules', type=pathlib.Path, nargs='*', metavar='MODULE')
    options = ap.parse_args()
    executable, modules = wzrun(options.build), options.modules
    if not modules:
        folder = real_programs()
        if folder is None:
            sys.exit('compile: no modules given, and ../shared/real/get.py has fetched none')
        modules = sorted((folder / 'modules').glob('*.wasm'), key=lambda m: m.stat().st_size)
    failed = False
    print(f"{'module':20}{'compiler':26}{'code MB':>9}{'s':>9}{'CPU s':>9}{'MB/s':>8}{'MB/CPU s':>10}{'peak MiB':>10}{'peak/code':>11}")
    with tempfile.TemporaryDirectory(prefix='compile-') as scratch:
        scratch = pathlib.Path(scratch)
        for module in modules:
            runs = {}
            for threads in (1, 2):
                for level in options.levels.split(','):
                    runs[f'wzrun --opt {level} -j {threads}'] = Run(
                        [executable, 'compile', '--opt', level, '-j', threads, '-o', scratch / 'wzrun.out', module])
                if shutil.which('wasmtime'):
                    for level in (0, 2):
                        runs[f'wasmtime opt {level}, {threads} thr.'] = Run(
                            ['wasmtime', 'compile', '-O', f'opt-level={level}', '-o', scratch / 'wasmtime.out', module],
                            environment={'RAYON_NUM_THREADS': str(threads)})
            by_turns(list(runs.values()), options.rounds, warmup=0)
            code = code_size(module)
            for name, run in runs.items():
                line = f'{module.stem[:19]:20}{name:26}{code / 1e6:9.2f}'
                if run.wrong:
                    failed = True
                    print(f'{line}  {run.wrong}', flush=True)
                    continue
                wall, cpu = run.median(), run.median('cpu')
                print(f'{line}{wall:9.2f}{cpu:9.2f}{code / 1e6 / wall:8.3f}{code / 1e6 / cpu:10.3f}'
                      f'{run.peak_bytes / (1 << 20):10.0f}{run.peak_bytes / code:11.1f}', flush=True)
    sys.exit(failed)


main()
