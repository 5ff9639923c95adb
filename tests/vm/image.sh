#!/bin/bash
# Builds the test VM's kernel and initramfs from Debian's packages, in the cache.
#
# usage: tests/vm/image.sh
#
# Prints progress on stderr and, as its only line on stdout, the folder that holds the image:
#   vmlinux (or vmlinuz)   what QEMU boots
#   initramfs.cpio         busybox, the module tree, the helpers in this folder
# Two layers are kept apart, so that an edited script costs seconds and no download: kernel-<key> follows the kernel and
# busybox packages, image-<key> also follows every source that goes into the initramfs. A fresh image is a quick no-op.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${TTYFERRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ttyferry}/vm

# What init loads itself, and what the product is to load.
net_modules="virtio_pci virtio_net"
disk_modules="virtio_pci virtio_blk crc32c_generic ext4"
usb_modules="vhci-hcd usbserial cdc-acm ftdi_sio ch341 cp210x pl2303"
image_sources=(image.sh extract_vmlinux.py init init_debian init_systemd snapshot.sh vm_exec.c tty_echo.c vhci_attach.c)

say() { printf 'vm image: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

short_hash() { sha256sum | cut -c1-16; }

# module_files TREE KVER MODULE... -> their files below TREE in load order, each once
module_files() {
    local tree=$1 kver=$2 module
    shift 2
    for module in "$@"; do
        modprobe -d "$tree" -S "$kver" --show-depends "$module" | awk -v tree="$tree" \
            '$1 == "insmod" { sub("^" tree, "", $2); print $2 }'
    done | awk '!seen[$0]++'
}

# build_kernel OUT PACKAGE KVER: vmlinux, busybox and the drivers' module tree from freshly downloaded packages
build_kernel() {
    local out=$1 package=$2 kver=$3 modules="./lib/modules/$3"
    mkdir -p "$out/debs" "$out/tree"
    say "downloading $package and busybox-static"
    # apt drops to the _apt user for downloads, and that user cannot write into root's cache.
    (cd "$out/debs" && apt-get download -qq -o APT::Sandbox::User=root "$package" busybox-static >&2) ||
        die "apt-get download failed: run apt-get update and check the network"
    say "extracting the kernel"
    dpkg-deb --fsys-tarfile "$out"/debs/"$package"_*.deb | tar -x -C "$out/tree" --wildcards \
        './boot/vmlinuz*' "$modules/modules.builtin*" "$modules/modules.order" "$modules/kernel/net/core" \
        "$modules/kernel/drivers/usb" "$modules/kernel/drivers/virtio" "$modules/kernel/drivers/net/virtio_net.ko*" \
        "$modules/kernel/drivers/net/net_failover.ko*" "$modules/kernel/drivers/block/virtio_blk.ko*" \
        "$modules/kernel/fs/ext4" "$modules/kernel/fs/jbd2" "$modules/kernel/fs/mbcache.ko*" \
        "$modules/kernel/lib/crc16.ko*" "$modules/kernel/lib/libcrc32c.ko*" "$modules/kernel/crypto/crc32c_generic.ko*"
    dpkg-deb --fsys-tarfile "$out"/debs/busybox-static_*.deb | tar -x -C "$out" --strip-components=2 ./bin/busybox
    depmod -b "$out/tree" "$kver"
    # The unpacked ELF boots over PVH in a third of the time; other distributions pack their kernels in ways that the
    # standard library cannot unpack, and then QEMU boots the bzImage.
    if ! python3 "$here/extract_vmlinux.py" "$out/tree/boot/vmlinuz-$kver" "$out/vmlinux"; then
        say "booting the compressed kernel instead"
        cp "$out/tree/boot/vmlinuz-$kver" "$out/vmlinuz"
    fi
    rm -r "$out/debs"
}

# add_modules ROOT TREE KVER: the module tree with depmod's text files, and the list that init loads
add_modules() {
    local root=$1 tree=$2 kver=$3 file
    # shellcheck disable=SC2086 # the lists are words
    module_files "$tree" "$kver" $net_modules >"$root/etc/vm/net_modules"
    # shellcheck disable=SC2086
    module_files "$tree" "$kver" $disk_modules >"$root/etc/vm/disk_modules"
    # shellcheck disable=SC2086
    for file in $(module_files "$tree" "$kver" $net_modules $disk_modules $usb_modules); do
        install -D -m 644 "$tree$file" "$root$file"
    done
    cp "$tree/lib/modules/$kver"/modules.{builtin,builtin.modinfo,order} "$root/lib/modules/$kver/"
    depmod -b "$root" "$kver"
    # Debian's modprobe wants the binary indexes, and the product is to get along without.
    mkdir "$root/etc/vm/modules_bin"
    mv "$root/lib/modules/$kver"/modules.*.bin "$root/etc/vm/modules_bin/"
    rm -f "$root/lib/modules/$kver"/modules.{symbols,order,builtin.modinfo}
}

# build_image OUT KERNEL KVER: the initramfs
build_image() {
    local out=$1 kernel=$2 kver=$3 root=$1/root applet program
    mkdir -p "$root"/{bin,sbin,dev,proc,sys,run,tmp,root,etc/vm,lib/modules}
    say "building the initramfs"
    cp "$kernel/busybox" "$root/bin/busybox"
    for applet in $("$kernel/busybox" --list); do
        [ "$applet" = busybox ] || [ "$applet" = modprobe ] || ln -s busybox "$root/bin/$applet"
    done
    ln -s ../bin/busybox "$root/sbin/modprobe"
    for program in vm_exec tty_echo vhci_attach; do
        # musl-gcc leaves the system's headers out; those of the kernel are wanted, after musl's own.
        musl-gcc -std=c11 -O2 -static -s -Wall -Wextra -Wshadow -Wvla -Werror -idirafter /usr/include \
            -idirafter "/usr/include/$(gcc -print-multiarch)" -o "$root/bin/$program" "$here/$program.c"
    done
    install -m 755 "$here/snapshot.sh" "$root/bin/snapshot.sh"
    install -m 755 "$here/init" "$root/init"
    install -m 755 "$here/init_debian" "$here/init_systemd" "$root/sbin/"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    printf 'root:x:0:\ntty:x:5:\ndialout:x:20:\nplugdev:x:46:\n' >"$root/etc/group"
    echo '127.0.0.1 localhost' >"$root/etc/hosts"
    add_modules "$root" "$kernel/tree" "$kver"
    (cd "$root" && find . -print0 | sort -z | cpio -0 -o -H newc -R 0:0 --quiet) >"$out/initramfs.cpio"
    rm -r "$root"
    if [ -f "$kernel/vmlinux" ]; then ln "$kernel/vmlinux" "$out/vmlinux"; else ln "$kernel/vmlinuz" "$out/vmlinuz"; fi
}

main() {
    local archive package kver kernel image
    # One call, because apt may have to read all its lists for each; the packages' versions are in what it prints.
    archive=$(apt-cache show --no-all-versions linux-image-amd64 busybox-static | grep -E '^(Version|Depends):') ||
        die "apt knows no linux-image-amd64: run apt-get update"
    package=$(awk -F '[ ,]+' '$1 == "Depends:" && $2 ~ /^linux-image-/ { print $2; exit }' <<<"$archive")
    [ -n "$package" ] || die "linux-image-amd64 names no kernel package"
    kver=${package#linux-image-}
    kernel=$cache/kernel-$({
        echo "$archive"
        declare -f build_kernel
        cat "$here/extract_vmlinux.py"
    } | short_hash)
    image=$cache/image-$({
        echo "$kernel"
        cd "$here" && cat "${image_sources[@]}"
    } | short_hash)

    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    # Each layer is built aside and renamed when it is whole, so an interrupted build leaves nothing half made behind.
    if [ ! -d "$kernel" ]; then
        rm -rf "$cache"/kernel-*
        build_kernel "$cache/kernel-new" "$package" "$kver"
        mv "$cache/kernel-new" "$kernel"
    fi
    if [ ! -d "$image" ]; then
        find "$cache" -maxdepth 1 -name 'image-*' -mtime +1 -exec rm -rf {} +
        rm -rf "$cache/image-new"
        build_image "$cache/image-new" "$kernel" "$kver"
        mv "$cache/image-new" "$image"
        say "built $image"
    fi
    echo "$image"
}

main "$@"
