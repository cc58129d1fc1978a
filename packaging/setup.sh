#!/usr/bin/env bash
# Installs what building and testing wzrun needs and this Debian 12 machine lacks. Says nothing and touches no network
# when all is there.
set -euo pipefail

packages=(
  clang-22 lld-22 libclang-rt-22-dev libstdc++-12-dev  # compiler, linker, sanitizers and libFuzzer
  clang-format-22 clang-tidy-22
  llvm-22-dev zlib1g-dev libzstd-dev                   # code generation
  cmake ninja-build git
  libcli11-dev libboost-dev libfmt-dev libxxhash-dev   # the command line, WASI's waiting, text, checksums
  doctest-dev nlohmann-json3-dev
  wabt wasi-libc libclang-rt-22-dev-wasm32             # test programs: text format and C
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: run as root, or install sudo; missing: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  "${missing[@]}" >/dev/null
