#!/usr/bin/env python3
"""Compare the speed of code: the kernels of testdata/bench natively, on wzrun and on the runtimes that are on PATH.

  kernels.py [--build FOLDER] [--rounds N] [--runs N] [--filter REGEX] [--programs FILE.wasm...]

Columns: native (clang -O3) and native-march (-O3 -march=native); wzrun's engines, llvm after `wzrun compile`, and
`run 1` to `run N` of the automatic one, the first with an empty cache and each of the others with what the ones before
have left; wasmtime after `wasmtime compile`; wazero with its cache filled; node, which compiles anew each time. The runs
go by turns in one invocation and what they print is checked: against the native build, or with --programs against
NAME.stdout.expected beside the module or, where that is missing, against the first runtime. Only ratios of one
invocation mean something.
"""
import argparse, pathlib, re, shlex, shutil, sys, tempfile
from measure import HERE, ROOT, Run, Times, by_turns, engines, quietly, without_bench_imports, wzrun


def prepare(options, executable, names, module, args, scratch, folder):
    """-> Run by name, warm; a runtime that cannot compile the module has a Run that is wrong."""
    cache = {'WZRUN_CACHE_DIR': str(scratch / 'cache')}
    runs = {}
    for name in names:
        why = ''
        if name == 'wzrun llvm':
            why = quietly(executable, 'compile', module, env={**Run(['true']).environment, **cache})
            run = Run([executable, '--engine', 'llvm', '--dir', '.', module, '--', *args], folder, cache)
        elif name.startswith('run '):
            auto = scratch / 'auto'
            run = Run([executable, '--dir', '.', module, '--', *args], folder, {'WZRUN_CACHE_DIR': str(auto)},
                      emptied=auto if name == 'run 1' else None)
        elif name == 'wzrun interp':
            run = Run([executable, '--engine', 'interp', '--dir', '.', module, '--', *args], folder, rounds=options.interp_rounds)
        elif name == 'wasmtime':
            compiled = scratch / (module.stem + '.cwasm')
            why = quietly('wasmtime', 'compile', '-o', compiled, module)
            run = Run(['wasmtime', 'run', '--allow-precompiled', '--dir', '.', compiled, *args], folder)
        elif name == 'wazero':
            run = Run(['wazero', 'run', '-cachedir', scratch / 'wazero', '-mount=.:/', module, *args], folder)
        elif name == 'node':
            run = Run(['node', '--no-warnings', HERE / 'node_wasi.mjs', module, *args], folder)
        else:
            run = Run([executable, *shlex.split(dict(options.variant)[name]), '--dir', '.', module, '--', *args], folder, cache)
        run.wrong = why and 'cannot compile: ' + why[-200:]
        runs[name] = run
    return runs


def named(word):
    name, separator, rest = word.partition('=')
    if not separator:
        raise argparse.ArgumentTypeError(f'{word!r}: NAME=OPTIONS')
    return name, rest


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--build', type=pathlib.Path, default=ROOT / 'build' / 'release', help='build folder; default: build/release')
    ap.add_argument('--rounds', type=int, default=5)
    ap.add_argument('--runs', type=int, default=0, help='runs of the automatic engine from an empty cache on; default: none')
    ap.add_argument('--interp-rounds', type=int, default=1, help='rounds of the interpreter, which is slow; 0: leave it out')
    ap.add_argument('--filter', default='', help='regular expression over names of programs')
    ap.add_argument('--skip', default='^$', help='regular expression over names of runtimes')
    ap.add_argument('--variant', type=named, action='append', default=[], metavar='NAME=OPTIONS',
                    help="wzrun once more with other options, such as timeout='--engine llvm --timeout 1h'")
    ap.add_argument('--programs', type=pathlib.Path, nargs='+', default=[], help='measure these modules in place of the kernels')
    ap.add_argument('--cpu', action='store_true', help='compare CPU time, user and system')
    options = ap.parse_args()
    executable = wzrun(options.build)
    there = engines(executable)
    names = ['wzrun llvm'] * ('llvm' in there) + [name for name, _ in options.variant]
    names += [f'run {number}' for number in range(1, options.runs + 1)]
    names += ['wzrun interp'] * (options.interp_rounds > 0)
    names += [peer for peer in ('wasmtime', 'wazero', 'node') if shutil.which(peer)]
    names = [n for n in names if not re.search(options.skip, n)]
    if options.programs:
        programs = sorted(p.absolute() for p in options.programs)
        names.sort(key=lambda n: n != 'wasmtime')  # the others are divided by its time
    else:
        programs = sorted((options.build / 'testdata' / 'bench').absolute().glob('*.wasm'))
        programs = [p for p in programs if (options.build / 'kernels' / p.stem).exists()]  # others measure something else
        names = [n for n in ('native', 'native-march') if not re.search(options.skip, n)] + names
    programs = [p for p in programs if re.search(options.filter, p.stem)]
    if not programs or not names:
        sys.exit('nothing to measure')

    table = Times(names, 'cpu' if options.cpu else 'wall')
    table.print_head()
    failed = False
    with tempfile.TemporaryDirectory(prefix='kernels-') as scratch:
        scratch = pathlib.Path(scratch)
        for program in programs:
            runs = {}
            if options.programs:
                folder, module = program.parent, scratch / program.name
                without_bench_imports(program, module)
                file = program.with_suffix('.stdout.expected')
                expected = file.read_bytes() if file.exists() else None
            else:
                folder, module = scratch, program
                native = (options.build / 'kernels' / program.stem).absolute()
                runs = {n: Run([str(native) + n.removeprefix('native')], folder) for n in names if n.startswith('native')}
                expected = Run([native]).checked()
            runs |= prepare(options, executable, [n for n in names if n not in runs], module, [], scratch, folder)
            if expected is None:
                expected = runs[names[0]].checked()
            for run in runs.values():
                run.expected = expected
            by_turns(list(runs.values()), options.rounds)
            table.add(program.stem, runs)
            failed |= any(run.wrong for run in runs.values())
    table.print_mean()
    print()
    for name in names:
        if name.startswith(('wzrun llvm', 'run ')) or name in dict(options.variant):
            for to in names:
                if to != name and not to.startswith('run '):
                    table.print_ratio(name, to)
    sys.exit(failed)


main()
