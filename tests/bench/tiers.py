#!/usr/bin/env python3
"""Draw what a run spends its time on: the interpreter, code that was compiled quickly or well, and compiling.

  tiers.py [--build FOLDER] [--bins N] [--output FILE.svg] [-- ARGUMENTS...]

ARGUMENTS are wzrun's; without any, esbuild bundles lodash. The cache is empty unless the arguments name one. Needs
perf; one processor of the picture is one of the machine, and what does not run is white. The same in numbers goes to
standard output: seconds of processor time, by thread and kind.
"""
import argparse, collections, html, os, pathlib, re, subprocess, tempfile, textwrap
from measure import ROOT, real_programs, wzrun

SAMPLES_A_SECOND = 999
WIDTH, HEIGHT, MARGIN = 900, 260, 50

# Kinds, from the bottom of the picture to its top, of the thread that runs the program and of all others.
PROGRAM = {'compiled well': '#1b7837', 'compiled quickly': '#7fbf7b', 'interpreter': '#d8b365',
           'reading functions': '#8c510a', 'calls of the system': '#9e9e9e'}
OTHERS = {'compiling': '#762a83', 'keeping': '#c2a5cf'}


def kind(is_program, symbol, library):
    """Of one sample. Code that was compiled is named with its level: NAME (opt N)."""
    level = re.search(r'\(opt (\d)\)$', symbol)
    if level:
        return 'compiled quickly' if level.group(1) == '0' else 'compiled well'
    if not is_program:
        is_compiler = 'codegen' in library or 'libc' in library or re.search(r'wzrun::(baseline|wasm)::', symbol)
        return 'compiling' if is_compiler else 'keeping'
    if re.search(r'Emitter|FunctionReader|^wzrun::wasm::', symbol):
        return 'reading functions'
    if symbol.startswith('wzrun::interp::'):
        return 'interpreter'
    return 'calls of the system'


def record(words, scratch, environment):
    """Runs it under perf. -> [(seconds since the first sample, kind)]"""
    data = scratch / 'perf.data'
    with open(scratch / 'stdout', 'wb') as out:
        process = subprocess.Popen(['perf', 'record', '-q', '-e', 'cpu-clock', '-F', str(SAMPLES_A_SECOND), '-o', data, *words],
                                   stdout=out, env=environment)
        if process.wait() != 0:
            print(f'exit status {process.returncode}')
    script = subprocess.run(['perf', 'script', '-i', data, '-F', 'pid,tid,time,ip,sym,dso'], check=True, capture_output=True,
                            text=True, errors='replace').stdout
    samples, processes = [], []
    for line in script.splitlines():
        match = re.match(r'\s*(\d+)/(\d+)\s+([\d.]+):\s+[0-9a-f]+ (.*) \((.*?)\)$', line)
        if match:
            process, thread, time, symbol, library = match.groups()
            processes.append(process)
            samples.append((float(time), kind(process == thread, symbol, library), process))
    for process in set(processes):
        pathlib.Path(f'/tmp/perf-{process}.map').unlink(missing_ok=True)
    first = min(time for time, _, _ in samples)
    program = processes[0]  # those that it starts to keep its code are others
    return [(time - first, what if process == program else 'keeping') for time, what, process in samples]


def draw(samples, bins, title):
    """-> an SVG: for each moment, the processors that each kind kept busy."""
    duration = max(time for time, _ in samples) + 1 / SAMPLES_A_SECOND
    kinds = {**PROGRAM, **OTHERS}
    counts = collections.Counter((int(time / duration * bins), what) for time, what in samples)
    whole = duration / bins * SAMPLES_A_SECOND  # samples of one busy processor
    highest = max(1, max(sum(counts[b, what] for what in kinds) / whole for b in range(bins)))
    x = lambda b: MARGIN + b / bins * WIDTH
    y = lambda processors: MARGIN + HEIGHT * (1 - processors / highest)
    base, shapes = [0.0] * bins, []
    for what, colour in kinds.items():
        top = [base[b] + counts[b, what] / whole for b in range(bins)]
        if any(counts[b, what] for b in range(bins)):
            steps = [f'{x(b + side):.1f},{y(top[b]):.1f}' for b in range(bins) for side in (0, 1)]
            back = [f'{x(b + side):.1f},{y(base[b]):.1f}' for b in reversed(range(bins)) for side in (1, 0)]
            shapes.append(f'<polygon fill="{colour}" points="{" ".join(steps + back)}"><title>{what}</title></polygon>')
        base = top
    for n, (what, colour) in enumerate(kinds.items()):
        left, top = MARGIN + n % 4 * WIDTH / 4, HEIGHT + 1.9 * MARGIN + n // 4 * 20
        shapes.append(f'<rect x="{left}" y="{top - 11}" width="12" height="12" fill="{colour}"/>'
                      f'<text x="{left + 18}" y="{top}">{what}</text>')
    for n in range(6):
        shapes.append(f'<text x="{x(bins * n / 5)}" y="{HEIGHT + 1.4 * MARGIN}" text-anchor="middle">{duration * n / 5:.2f} s</text>')
    for processors in range(int(highest) + 1):
        shapes.append(f'<text x="{MARGIN - 8}" y="{y(processors) + 4}" text-anchor="end">{processors}</text>'
                      f'<path stroke="#bbb" stroke-dasharray="3" d="M{MARGIN} {y(processors)}h{WIDTH}"/>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + 2 * MARGIN}" height="{HEIGHT + 3.2 * MARGIN:.0f}" '
            f'font-family="sans-serif" font-size="13">\n<rect width="100%" height="100%" fill="white"/>\n'
            f'<text x="{MARGIN}" y="{MARGIN / 2}" font-size="15">Busy processors: {title}</text>\n' + '\n'.join(shapes) + '\n</svg>\n')


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--build', type=pathlib.Path, default=ROOT / 'build' / 'release', help='build folder; default: build/release')
    ap.add_argument('--bins', type=int, default=150, help='steps of time')
    ap.add_argument('--output', type=pathlib.Path, default='tiers.svg')
    ap.add_argument('arguments', nargs='*')
    options = ap.parse_args()
    arguments, title = options.arguments, textwrap.shorten(' '.join(options.arguments), 110)
    if not arguments:
        work = real_programs()
        if work is None:
            raise SystemExit('no esbuild there: run get.py of real/, or name a program')
        arguments = ['--dir', f'{work / "inputs" / "esbuild"}::/', work / 'modules' / 'esbuild.wasm', '--', '/lodash.ts',
                     '--bundle', '--minify', '--format=esm', '--target=es2017']
        title = 'esbuild bundles lodash, on an empty cache'
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        samples = record([wzrun(options.build), '--perf=map', *arguments], scratch,
                         {'WZRUN_CACHE_DIR': str(scratch / 'cache'), **os.environ})
    options.output.write_text(draw(samples, options.bins, html.escape(title)))
    for what, count in collections.Counter(what for _, what in samples).most_common():
        print(f'{count / SAMPLES_A_SECOND:8.2f} s  {what}')


if __name__ == '__main__':
    main()
