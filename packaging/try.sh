#!/usr/bin/env bash
# From a fresh clone to a running WebAssembly program.
set -euo pipefail
cd "$(dirname "$0")/.."
packaging/setup.sh
TARGETS="wzrun_cmd wzrun_testdata" packaging/build.sh release
echo "try: build/release/bin/wzrun build/release/testdata/hello.wasm"
build/release/bin/wzrun build/release/testdata/hello.wasm
