#!/usr/bin/env bash
# Configures and builds one CMake preset: dev, sanitize, linux or windows.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# = 1 ] || die "usage: $0 PRESET"
cd "$root"
cmake --preset "$1"
cmake --build --preset "$1"
