#!/usr/bin/env bash
# Runs a command of this project as a new user would: in a fresh Debian 12 (a debootstrap chroot with nothing but the base system),
# on a clean clone of what is committed.
#
#   tests/fresh_machine.sh FOLDER COMMAND...      for example  tests/fresh_machine.sh /var/tmp/fresh ./test.sh
#
# FOLDER/base is made once and kept; FOLDER/machine is made anew each time and kept afterwards for a look. To run a second command on
# the same machine, as `./demo.sh` warm, set KEEP=1. Wants root, and debootstrap from the distribution.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/common.sh"
[ $# -ge 2 ] || die "usage: $0 FOLDER COMMAND..."
[ "$(id -u)" = 0 ] || die "a chroot wants root: run it with sudo"
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
base=$folder/base machine=$folder/machine

# The first address that this machine's own apt knows for Debian itself.
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(CODENAME)' | awk '$3 == "bookworm" { print $1; exit }')
[ -n "$mirror" ] || die "this machine's apt knows no Debian 12: run apt-get update"

if [ ! -d "$base" ]; then
    rm -rf "$base.new"
    step "debootstrap" debootstrap --variant=minbase bookworm "$base.new" "$mirror"
    # How this machine's apt gets at its packages, without the hooks of programs that are not there.
    grep -L Invoke /etc/apt/apt.conf.d/* | xargs -r cp -t "$base.new/etc/apt/apt.conf.d"
    mv "$base.new" "$base"
fi

if [ -z "${KEEP:-}" ] || [ ! -d "$machine" ]; then
    rm -rf --one-file-system "$machine"
    cp -a "$base" "$machine"
    git -C "$root" clone -q --no-local "$root" "$machine/root/ttyferry"
fi
cp /etc/resolv.conf "$machine/etc/resolv.conf"

# In namespaces of its own: when the command ends, so do its processes and mounts.
exec unshare --mount --pid --fork --kill-child bash -euc '
    machine=$1
    shift
    mount --bind "$machine" "$machine" # so that / is a mount in there too, as it is on any machine
    mount -t proc proc "$machine/proc"
    mount --rbind /sys "$machine/sys"
    mount --rbind /dev "$machine/dev"
    exec chroot "$machine" env -i HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        bash -c "cd /root/ttyferry && exec \"\$@\"" bash "$@"
' bash "$machine" "$@"
