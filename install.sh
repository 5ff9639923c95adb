#!/usr/bin/env bash
# Builds both sides in this clone, inside WSL, and installs them: runs the installer of the Windows side through WSL's interop,
# which puts the guest's side into this distribution.
#
#   ./install.sh [--transport auto|tcp|bridge] [--yes]
#
# What is missing to build is installed first (Debian 12, as root or with sudo). `ttyferry.exe uninstall` removes all that this sets up, but
# for the packages and the build.
set -euo pipefail
source "$(dirname "$0")/scripts/common.sh"
cd "$root"

case ${1:-} in
-h | --help)
    sed -nE '2,/^set/ s/^# ?//p' "$0"
    exit 0
    ;;
esac

[ -n "${WSL_DISTRO_NAME:-}" ] || die "this is no WSL distribution: on Windows run 'ttyferry.exe install'; to see it work here run ./demo.sh"
[ -e /proc/sys/fs/binfmt_misc/WSLInterop ] || [ -e /proc/sys/fs/binfmt_misc/WSLInterop-late ] ||
    die "Windows programs can't be started from here (interop is off in /etc/wsl.conf): copy build/windows/ttyferry.exe to Windows and run 'ttyferry.exe install' there"

scripts/setup.sh build
scripts/build-deps.sh
step "building the guest agent (static-pie, musl)" scripts/build.sh linux
step "building the host agent (mingw-w64)" scripts/build.sh windows
exec build/windows/ttyferry.exe install --distribution "$WSL_DISTRO_NAME" "$@"
