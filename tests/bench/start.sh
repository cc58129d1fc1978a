#!/usr/bin/env bash
# usage: tests/bench/start.sh [ROUNDS]
# How long it takes to start: hello world against C programs, esbuild --version against node. Medians over ROUNDS (10)
# rounds that run each command in turn, and their ratios. WZRUN names another executable; get.py's folder is
# WZRUN_REAL_WORK_DIR, or real/work in WZRUN_SHARED_DIR (../shared).
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-10}
wzrun=${WZRUN:-build/release/bin/wzrun}
hello=${HELLO:-build/release/testdata/hello.wasm}
shared=${WZRUN_SHARED_DIR:-../shared}
esbuild=${WZRUN_REAL_WORK_DIR:-$shared/real/work}/modules/esbuild.wasm
for tool in hyperfine python3; do
  command -v "$tool" >/dev/null || { echo "start: needs $tool" >&2; exit 1; }
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# compare RUNS NAME=COMMAND...: the first is what the others are divided by.
compare() {
  local runs=$1 round names=() commands=()
  shift
  for pair in "$@"; do
    names+=("${pair%%=*}")
    commands+=("${pair#*=}")
  done
  for ((round = 0; round < rounds; round++)); do
    hyperfine -N --style none --warmup 3 --runs "$runs" --export-json "$folder/round-$round.json" "${commands[@]}" \
      >/dev/null 2>&1
  done
  python3 - "$folder" "$rounds" "${names[@]}" <<'PYTHON'
import json, statistics, sys
folder, rounds, names = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
times = [[] for _ in names]
for round_no in range(rounds):
    for row, result in zip(times, json.load(open(f'{folder}/round-{round_no}.json'))['results']):
        row += result['times']
first = statistics.median(times[0])
for name, row in zip(names, times):
    print(f'  {name:<24} {statistics.median(row) * 1e3:9.2f} ms  {statistics.median(row) / first:6.2f}')
PYTHON
}

cat >"$folder/hello.c" <<'C'
#include <stdio.h>
int main(void) { puts("Hello from C!"); }
C
cc=${CC:-clang-22}
"$cc" -O2 "$folder/hello.c" -o "$folder/hello-dynamic"
"$cc" -O2 -static "$folder/hello.c" -o "$folder/hello-static"
echo "hello world, medians of $((rounds * 100)) runs (wzrun is to be at most 2.00):"
compare 100 "C, dynamic=$folder/hello-dynamic" "C, static=$folder/hello-static" "wzrun=$wzrun $hello" \
  "wzrun with an option=$wzrun --env=A=1 $hello" "wzrun version=$wzrun version"

if [ ! -f "$esbuild" ]; then
  echo "start: no $esbuild: ../shared/real/get.py fetches it"
elif ! command -v node >/dev/null; then
  echo "start: no node to compare esbuild with"
else
  echo "esbuild --version, medians of $((rounds * 2)) runs (wzrun is to be at most 0.50):"
  compare 2 "node=node --no-warnings --no-turbo-fast-api-calls $shared/bench/node-wasi.mjs $esbuild -- --version" \
    "wzrun=$wzrun $esbuild --version"
fi
