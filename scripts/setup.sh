#!/usr/bin/env bash
# Installs the distribution's packages that building and testing need, and no others.
#
#   scripts/setup.sh [build] [check] [lab] [npm]     default: build lab
#
# build  compilers for both sides, and what scripts/build-deps.sh needs
# check  clang-format, clang-tidy, sanitizer and fuzzer runtimes
# lab    Wine, QEMU, tmux, and what makes the test VM
# npm    for `./test.sh full`, unless there is one of another origin
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

build=(ca-certificates cmake ninja-build gcc libc6-dev pkg-config make git dpkg-dev xz-utils file
    binutils python3 musl-tools gcc-mingw-w64-x86-64 libuv1-dev libcjson-dev libsodium-dev
    libcmocka-dev)
check=(clang clang-format clang-tidy)
lab=(wine wine64 qemu-system-x86 cpio kmod python3 python3-jsonschema python3-yaml mmdebstrap e2fsprogs tmux)

[ -r /etc/debian_version ] || die "this is no Debian-like system: install the packages named in $0 by hand"
groups=("$@")
[ $# -gt 0 ] || groups=(build lab)
wanted=()
for group in "${groups[@]}"; do
    case $group in
    build) wanted+=("${build[@]}") ;;
    check) wanted+=("${check[@]}") ;;
    lab) wanted+=("${lab[@]}") ;;
    npm) command -v npm >/dev/null || wanted+=(npm) ;;
    *) die "unknown group '$group': build, check, lab and npm exist" ;;
    esac
done

missing=()
for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "packages are missing (${missing[*]}): run as root, or install sudo"
    as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
say "installing ${#missing[@]} packages: ${missing[*]}"
step "apt-get update" "${as_root[@]}" apt-get update -q
step "apt-get install" "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
