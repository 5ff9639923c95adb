#!/usr/bin/env bash
# Sets up what is missing, builds both sides, and shows the main job end to end: a board plugged into
# Windows (Wine) becomes a tty in a Linux kernel (QEMU), and both event streams say so.
#
#   ./demo.sh [--model nano|leonardo]
#
# Made for Debian 12, as root or with sudo. Ubuntu 24.04 should do as well, but is untried.
# Exits 0 only if all of it held.
set -euo pipefail
source "$(dirname "$0")/scripts/common.sh"
cd "$root"

case ${1:-} in
-h | --help)
    sed -nE '2,/^set/ s/^# ?//p' "$0"
    exit 0
    ;;
esac

scripts/setup.sh build lab
scripts/build-deps.sh
step "building the guest agent (static-pie, musl)" scripts/build.sh linux
step "building the host agent (mingw-w64)" scripts/build.sh windows
step "preparing the VM's kernel and initramfs" tests/vm/image.sh
step "preparing the Wine prefix" /usr/bin/python3 tests/lab/wine.py
exec /usr/bin/python3 tests/e2e/demo.py "$@"
