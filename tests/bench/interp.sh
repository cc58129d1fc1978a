#!/usr/bin/env bash
# usage: tests/bench/interp.sh [BENCH_OPTION...]
# The shared benchmark programs on wzrun's interpreter and on the interpreters among wasmi and wazero that are on PATH,
# by turns. The options are those of bench.py: --filter, --runs, --json, ... By default --filter shootout.
# The programs' imports bench.start and bench.end, which only wzrun can stand in for, become empty functions.
set -euo pipefail
cd "$(dirname "$0")/../.."
wzrun=$(realpath "${WZRUN:-build/release/bin/wzrun}")
bench=$(realpath "${WZRUN_SHARED_DIR:-../shared}/bench")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 - "$bench" "$folder" <<'PYTHON'
import json, pathlib, sys
sys.path.insert(0, 'tests/bench')
from measure import without_bench_imports
bench, folder = map(pathlib.Path, sys.argv[1:])
workloads = json.loads((bench / 'workloads.json').read_text())
for w in workloads:
    module, target = bench / w['wasm'], folder / (w['name'] + '.wasm')
    without_bench_imports(module, target)
    w.update(wasm=str(target), dir=str(module.parent))
    for stream in ('stdout', 'stderr'):
        if stream in w:
            w[stream] = str(bench / w[stream])
(folder / 'workloads.json').write_text(json.dumps(workloads))
PYTHON

runtimes=(--runtime "wzrun=$wzrun --interpreter --dir . {wasm} -- {args}")
command -v wasmi >/dev/null && runtimes+=(--runtime "wasmi=wasmi --dir . {wasm} {args}")
command -v wazero >/dev/null && runtimes+=(--runtime "wazero=wazero run -interpreter -mount=.:/ {wasm} {args}")
[ $# -gt 0 ] || set -- --filter shootout
"$bench/bench.py" --workloads "$folder/workloads.json" "${runtimes[@]}" "$@"
