#!/usr/bin/env bash
# usage: packaging/build.sh [PRESET] [CMAKE_OPTION...]
# Configures and builds a preset (release by default) under build/PRESET. JOBS limits the parallel compilers, TARGETS
# names what to build instead of everything.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
shift || true

echo "build: configuring $preset"
cmake --preset "$preset" --log-level=WARNING "$@"
echo "build: compiling $preset in build/$preset"
read -ra targets <<<"${TARGETS:-all}"
cmake --build --preset "$preset" -j "${JOBS:-$(nproc)}" --target "${targets[@]}"
