#!/usr/bin/env bash
# usage: packaging/test.sh [CMAKE_OPTION...]
# Builds the release and passes all its tests.
set -euo pipefail
cd "$(dirname "$0")/.."
packaging/setup.sh
packaging/build.sh release "$@"
echo "test: running all tests"
ctest --preset release -j "${JOBS:-$(nproc)}"
