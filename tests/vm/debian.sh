#!/bin/bash
# Builds the disk of a whole Debian for the test VM, in the cache: systemd, udevd, the programs of docs/ide, the stock usbip tools.
#
# usage: tests/vm/debian.sh [node]
#
# node: a second disk, which has Node as well (as big as all the rest).
#
# Prints progress on stderr and, as its only line on stdout, the disk's file: ext4, to be used with snapshot=on. It has no kernel and
# no modules; those of image.sh boot it. A disk that fits the packages' versions and this script is a quick no-op.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
umask 022

cache=${TTYFERRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ttyferry}/vm
packages=(systemd systemd-sysv udev kmod procps avrdude dfu-util picocom python3-serial usbip tio openocd mosquitto mosquitto-clients crun dbus)
disk_size=640M
flavour=debian
case ${1-} in
'') ;;
node)
    packages+=(nodejs)
    disk_size=900M
    flavour=node
    ;;
*)
    echo "vm disk: unknown flavour '$1': tests/vm/debian.sh [node]" >&2
    exit 2
    ;;
esac

say() { printf 'vm disk: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# The sources that this machine's own apt has.
sources() { apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sort -u; }

# build_root ROOT: the file system as a folder
build_root() {
    local root=$1 options=() file
    # How this machine's apt gets at its packages, without the hooks of programs that are not there.
    for file in $(grep -L Invoke /etc/apt/apt.conf.d/* || true); do options+=(--aptopt="$file"); done
    # apt drops to the _apt user for downloads, and that user cannot write into root's cache.
    sources | mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
        --include="$(IFS=,; echo "${packages[*]}")" "${options[@]}" --aptopt='APT::Sandbox::User "root"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook='chroot "$1" useradd --create-home --groups dialout --shell /bin/bash user' \
        --customize-hook='chroot "$1" systemctl disable mosquitto.service' \
        --customize-hook='echo debian >"$1/etc/hostname"; echo "127.0.0.1 localhost debian" >"$1/etc/hosts"' \
        "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" - >&2 ||
        die "mmdebstrap failed: run apt-get update and check the network"
    mkdir -p "$root/etc/ttyferry" "$root/lib/modules"
    # An id that is there, or systemd takes each boot for the first one and enables units anew.
    echo 7474796665727279207465737420766d >"$root/etc/machine-id"
}

main() {
    local key disk
    [ "$(id -u)" = 0 ] || die "a root file system can be built by root only: use sudo"
    key=$({
        apt-cache show --no-all-versions "${packages[@]}" | grep -E '^(Package|Version):'
        cat "${BASH_SOURCE[0]}"
    } | sha256sum | cut -c1-16)
    disk=$cache/$flavour-$key.ext4

    mkdir -p "$cache"
    exec 9>"$cache/lock-$flavour"
    flock 9
    # Built aside and renamed when it is whole, so an interrupted build leaves nothing half made behind.
    if [ ! -f "$disk" ]; then
        rm -rf --one-file-system "$cache/$flavour"-*
        say "installing Debian with ${packages[*]}"
        build_root "$cache/$flavour-new"
        say "making the disk"
        mke2fs -q -t ext4 -O ^has_journal -d "$cache/$flavour-new" "$cache/$flavour-new.ext4" "$disk_size" >&2
        rm -rf --one-file-system "$cache/$flavour-new"
        mv "$cache/$flavour-new.ext4" "$disk"
        say "built $disk"
    fi
    echo "$disk"
}

main "$@"
