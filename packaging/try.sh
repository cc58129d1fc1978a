#!/usr/bin/env bash
# From a fresh clone to a running WebAssembly program.
set -euo pipefail
cd "$(dirname "$0")/.."
packaging/setup.sh
packaging/build.sh release
echo "try: build/release/bin/wzrun build/release/testdata/hello.wasm"
build/release/bin/wzrun build/release/testdata/hello.wasm
