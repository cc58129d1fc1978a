"""What the programs that measure share: runs by turns, medians, tables, and the runtimes that are on PATH.

Run by itself: measure.py IN.wasm OUT.wasm writes a copy of a module whose imports bench.start and bench.end are empty
functions of its own, so that every runtime takes it.
"""
import math, os, pathlib, re, shutil, statistics, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Run:
    """A command that is measured: its words, folder, further environment, what it must print if that is known, and a
    folder that is removed before each run."""

    def __init__(self, words, folder='.', environment=None, expected=None, rounds=None, emptied=None):
        self.words = [str(w) for w in words]
        self.folder, self.expected, self.emptied = str(folder), expected, emptied
        self.environment = {**os.environ, **(environment or {})}
        self.rounds = rounds  # fewer than the others
        self.wall, self.cpu, self.peak_bytes, self.wrong = [], [], 0, ''

    def once(self):
        """-> (status, standard output)"""
        executable = shutil.which(self.words[0])
        if executable is None:
            raise SystemExit(f'{self.words[0]}: command not found')
        if self.emptied:
            shutil.rmtree(self.emptied, ignore_errors=True)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            here = os.getcwd()
            os.chdir(self.folder)  # posix_spawn costs less than fork, and has no folder of its own
            try:
                begin = time.perf_counter()
                pid = os.posix_spawn(executable, self.words, self.environment, file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)])
                _, status, usage = os.wait4(pid, 0)
                wall = time.perf_counter() - begin
            finally:
                os.chdir(here)
            self.last = wall, usage.ru_utime + usage.ru_stime
            self.peak_bytes = max(self.peak_bytes, usage.ru_maxrss * 1024)
            out.seek(0)
            err.seek(0)
            self.errors = err.read().decode(errors='replace')
            return os.waitstatus_to_exitcode(status), out.read()

    def checked(self):
        status, output = self.once()
        if status != 0:
            self.wrong = f'exit status {status}: {self.errors.strip()[-200:]}'
        elif self.expected is not None and output != self.expected:
            self.wrong = f'printed {output[:60]!r}, not {self.expected[:60]!r}'
        return output

    def measured(self):
        self.checked()
        self.wall.append(self.last[0])
        self.cpu.append(self.last[1])

    def median(self, clock='wall'):
        return None if self.wrong or not self.wall else statistics.median(getattr(self, clock))


def by_turns(runs, rounds, warmup=1):
    """Measures A B C, A B C, ..., so that what else the machine does falls on all alike."""
    for number in range(-warmup, rounds):
        for run in runs:
            if run.wrong:
                continue
            if number < 0:
                run.checked()
            elif number < (rounds if run.rounds is None else run.rounds):
                run.measured()


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values))) if values else None


class Times:
    """A table of medians: rows are programs, columns runtimes. The first column is what the others are divided by."""

    def __init__(self, names, clock):
        self.names, self.clock, self.rows = names, clock, []

    def print_head(self):
        print(f"{'median ' + self.clock + ' time, ms':24}" + ''.join(f'{n:>20}' for n in self.names))

    def add(self, program, runs):
        """`runs` has a Run for each name."""
        row = {n: runs[n].median(self.clock) for n in self.names}
        self.rows.append((program, row))
        first, cells = row[self.names[0]], ''
        for n in self.names:
            ratio = f'{row[n] / first:7.2f}x' if row[n] and first else ' ' * 8
            cells += f'{row[n] * 1e3:12.2f}{ratio}' if row[n] else f"{'FAIL':>12}" + ' ' * 8
        print(f'{program:24}{cells}', flush=True)
        for n in self.names:
            if runs[n].wrong:
                print(f'  {n}: {runs[n].wrong}', flush=True)

    def ratios(self, name, to):
        return {program: row[name] / row[to] for program, row in self.rows if row[name] and row[to]}

    def print_mean(self):
        means = [geometric_mean(list(self.ratios(n, self.names[0]).values())) for n in self.names]
        print(f"{'geometric mean':24}" + ''.join(f'{m:19.2f}x' if m else f"{'-':>20}" for m in means))

    def print_ratio(self, name, to):
        ratios = self.ratios(name, to)
        if not ratios:
            return
        worst, best = max(ratios, key=ratios.get), min(ratios, key=ratios.get)
        print(f'{name} / {to}: geometric mean {geometric_mean(list(ratios.values())):.3f}, '
              f'largest {ratios[worst]:.2f} ({worst}), smallest {ratios[best]:.2f} ({best})')


def wzrun(build):
    """Path of the executable: $WZRUN, or the one in the build folder."""
    path = pathlib.Path(os.environ.get('WZRUN') or build / 'bin' / 'wzrun').absolute()
    if not os.access(path, os.X_OK):
        raise SystemExit(f'{path}: no wzrun there; --build names the build folder, WZRUN the executable')
    return path


def engines(executable):
    version = subprocess.run([executable, 'version'], check=True, capture_output=True, text=True).stdout
    return re.search(r'^engines +(.*)$', version, re.M).group(1).replace(',', ' ').split()


def shared_folder():
    return pathlib.Path(os.environ.get('WZRUN_SHARED_DIR') or ROOT.parent / 'shared')


def real_programs():
    """The folder that ../shared/real/get.py has filled, or None."""
    folder = pathlib.Path(os.environ.get('WZRUN_REAL_WORK_DIR') or shared_folder() / 'real' / 'work').absolute()
    return folder if (folder / 'modules' / 'esbuild.wasm').exists() else None


def quietly(*words, **settings):
    """Runs a command that prepares a measurement. -> what it says if it fails, or ''"""
    done = subprocess.run([str(w) for w in words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **settings)
    return '' if done.returncode == 0 else done.stderr.decode(errors='replace').strip() or f'exit status {done.returncode}'


def without_bench_imports(module, target):
    text = subprocess.run(['wasm2wat', '--enable-all', '--generate-names', module], check=True, capture_output=True, text=True).stdout
    imports = re.compile(r'\(import "bench" "\w+" (\(func \$\S+ \(type \S+\))\)\)')
    functions = [m.group(1) + ')' for m in imports.finditer(text)]
    if not functions:
        shutil.copyfile(module, target)
        return
    text = imports.sub('', text[:text.rindex(')')]) + '\n'.join(functions) + ')'
    subprocess.run(['wat2wasm', '--enable-all', '-', '-o', target], input=text, text=True, check=True)


if __name__ == '__main__':
    without_bench_imports(*sys.argv[1:])
