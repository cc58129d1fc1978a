#!/usr/bin/env python3
"""Compare whole runs of real programs, cold and warm: wzrun's engines and the runtimes that are on PATH.

  programs.py [--build FOLDER] [--rounds N] [--runs N] [--filter REGEX] [--slow] [--skip REGEX]

Columns: `run 1` to `run N` of the automatic engine, the first with an empty cache and each of the others with what the
ones before have left; `compiled`, after `wzrun compile`; wasmtime and wazero with empty and with filled caches; node,
which compiles anew each time. --slow adds the interpreter, and `llvm cold`, which compiles everything first: both once.
The runs go by turns in one invocation; exit status and output are checked. The cases are those of ../shared/real,
which its get.py fills, or of $WZRUN_REAL_WORK_DIR.
"""
import argparse, hashlib, json, pathlib, re, shutil, sys, tempfile
from measure import HERE, ROOT, Run, Times, by_turns, engines, quietly, real_programs, shared_folder, wzrun

DEFAULT = '^(esbuild-lodash|ripgrep-big|python-work|yosys-uart)$'


class CaseRun(Run):
    """A run of a case with its folders as they must be."""

    def __init__(self, case, words, **settings):
        super().__init__(words, **settings)
        self.case = case

    def checked(self):
        self.case.make_folders()
        status, output = self.once()
        if status != self.case.exit:
            self.wrong = f'exit status {status}: {self.errors.strip()[-200:]}'
        elif self.case.sha256 not in (None, hashlib.sha256(output).hexdigest()):
            self.wrong = f'printed {output[:60]!r}'
        return output


class Case:
    def __init__(self, description, work, scratch):
        def place(path):
            return work / path.removeprefix('work/') if path.startswith('work/') else work.parent / path

        self.name, self.args = description['name'], description['args']
        self.module = place(description['wasm'])
        self.exit, self.sha256 = description['expected_exit'], description['expected_stdout_sha256']
        self.environment = description['env']
        self.folders = []  # (guest, host, what it is a fresh copy of, or None: nothing; or the host itself)
        for number, folder in enumerate(description['dirs']):
            source = place(folder['host']) if 'host' in folder else None
            host = source if folder['mode'] == 'ro' else scratch / f'folder-{number}'
            self.folders.append((folder['guest'], host, source))

    def make_folders(self):
        for _, host, source in self.folders:
            if host == source:
                continue
            shutil.rmtree(host, ignore_errors=True)
            if source is None:
                host.mkdir()
            else:
                shutil.copytree(source, host, copy_function=shutil.copyfile)

    def words(self, folder='--dir {host}::{guest}', variable='--env {name}={value}'):
        """What gives the program its folders and environment, in a runtime's own words."""
        words = []
        for guest, host, _ in self.folders:
            words += folder.format(host=host, guest=guest).split(' ')
        for name, value in self.environment.items():
            words += variable.format(name=name, value=value).split(' ')
        return words


def ours(case, options, executable, scratch):
    """-> Run by name."""
    def run(cache, *words, **settings):
        return CaseRun(case, [executable, *words, *case.words(), case.module, '--', *case.args],
                       environment={'WZRUN_CACHE_DIR': str(scratch / cache)}, **settings)

    runs = {}
    if 'llvm' in engines(executable):
        runs['compiled'] = run('compiled')
        runs['compiled'].wrong = quietly(executable, 'compile', case.module, env=runs['compiled'].environment)[-200:]
    for number in range(1, options.runs + 1):
        runs[f'run {number}'] = run('auto', emptied=scratch / 'auto' if number == 1 else None)
    if options.slow:
        runs['interp'] = run('none', '--engine', 'interp', rounds=1)
        runs['llvm cold'] = run('cold', '--engine', 'llvm', emptied=scratch / 'cold', rounds=1)
    return runs


def peers(case, scratch):
    runs = {}
    if shutil.which('wasmtime'):
        for name, folder in (('wasmtime cold', 'wasmtime-cold'), ('wasmtime warm', 'wasmtime-warm')):
            settings = scratch / f'{folder}.toml'
            settings.write_text(f'[cache]\ndirectory = "{scratch / folder}"\n')
            words = ['wasmtime', 'run', '-C', f'cache=y,cache-config={settings}', *case.words(), case.module, *case.args]
            runs[name] = CaseRun(case, words, emptied=scratch / folder if name.endswith('cold') else None)
    if shutil.which('wazero'):
        folders = case.words('-mount={host}:{guest}', '-env={name}={value}')
        for name, folder in (('wazero cold', 'wazero-cold'), ('wazero warm', 'wazero-warm')):
            words = ['wazero', 'run', '-cachedir', scratch / folder, *folders, case.module, *case.args]
            runs[name] = CaseRun(case, words, emptied=scratch / folder if name.endswith('cold') else None)
    if shutil.which('node'):
        words = ['node', '--no-warnings', HERE / 'node_wasi.mjs', *case.words(), case.module, *case.args]
        runs['node'] = CaseRun(case, words)
    return runs


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--build', type=pathlib.Path, default=ROOT / 'build' / 'release', help='build folder; default: build/release')
    ap.add_argument('--rounds', type=int, default=3)
    ap.add_argument('--runs', type=int, default=5, help='runs of the automatic engine from an empty cache on')
    ap.add_argument('--filter', default=DEFAULT, help='regular expression over names of cases')
    ap.add_argument('--skip', default='^$', help='regular expression over names of columns')
    ap.add_argument('--slow', action='store_true', help='also the interpreter, and compiling everything first')
    options = ap.parse_args()
    executable = wzrun(options.build)
    work = real_programs()
    if work is None:
        sys.exit('the programs are not there: ../shared/real/get.py gets them, $WZRUN_REAL_WORK_DIR names their folder')
    descriptions = json.loads((shared_folder() / 'real' / 'cases.json').read_text())
    table, failed = None, False
    for description in descriptions:
        if not re.search(options.filter, description['name']):
            continue
        with tempfile.TemporaryDirectory(prefix='programs-') as scratch:
            scratch = pathlib.Path(scratch)
            case = Case(description, work, scratch)
            runs = ours(case, options, executable, scratch) | peers(case, scratch)
            runs = {name: run for name, run in runs.items() if not re.search(options.skip, name)}
            if table is None:
                table = Times(list(runs), 'wall')
                table.print_head()
            for name in runs:
                if name.endswith(' warm'):
                    runs[name].checked()  # fills its cache
            by_turns(list(runs.values()), options.rounds, warmup=0)
            table.add(case.name, runs)
            failed |= any(run.wrong for run in runs.values())
    if table is None:
        sys.exit('nothing to measure')
    table.print_mean()
    sys.exit(failed)


main()
