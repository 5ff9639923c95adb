#!/usr/bin/env bash
# Builds libuv, cJSON, libsodium and cmocka as static libraries from the distribution's source packages, for
# musl and for mingw-w64, into the cache. A quick no-op when they are there already.
#
#   scripts/build-deps.sh [musl] [mingw]       default: both
#
# The source packages come from where this machine's own apt takes its packages; apt's system-wide
# state stays untouched.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

sources=$cache/deps/src
packages=(libuv1 cjson libsodium cmocka)

# A private apt with the machine's sources turned into deb-src.
fetch_sources() {
    local apt=$cache/deps/apt file
    rm -rf "$apt" "$sources"
    mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial" "$sources"
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -e "$file" ] && sed -E 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/$(basename "$file")"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -e "$file" ] && sed -nE 's/^deb(-src)?([[:space:]])/deb-src\2/p' "$file" | sort -u \
            >"$apt/parts/$(basename "$file" .list).list"
    done
    local options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/parts"
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
    apt-get "${options[@]}" -q update
    (cd "$sources" && apt-get "${options[@]}" -q source "${packages[@]}")
    rm -rf "$apt"
}

has_sources() {
    local package
    for package in "${packages[@]}"; do [ -n "$(source_of "$package" 2>/dev/null)" ] || return 1; done
}
source_of() { find "$sources" -maxdepth 1 -type d -name "$1-*" | head -n 1; }

# cmake_build TARGET SOURCE BUILD-TARGET OPTION...
cmake_build() {
    local flavour=$1 source=$2 target=$3 build
    shift 3
    build=$cache/deps/build/$flavour/$(basename "$source")
    rm -rf "$build"
    cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_TOOLCHAIN_FILE="$root/cmake/$flavour.cmake" -DCMAKE_POLICY_DEFAULT_CMP0063=NEW "$@"
    cmake --build "$build" --target "$target"
    find "$build" -name '*.a' ! -path '*/CMakeFiles/*' -exec cp {} "$cache/deps/$flavour.new/lib/" \;
}

# libsodium's own build is autotools and takes a minute for each flavour; its sources need nothing of it.
write_sodium_build() {
    cat >"$1/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(sodium C)
file(GLOB_RECURSE sources src/libsodium/*.c)
add_library(sodium STATIC ${sources})
target_include_directories(sodium PRIVATE src/libsodium/include src/libsodium/include/sodium)
target_compile_definitions(sodium PRIVATE CONFIGURED=1 SODIUM_STATIC=1 _GNU_SOURCE)
if(NOT WIN32)
    target_compile_definitions(sodium PRIVATE HAVE_LINUX_COMPATIBLE_GETRANDOM HAVE_GETRANDOM HAVE_SYS_RANDOM_H)
endif()
CMAKE
    cp "$1/builds/msvc/version.h" "$1/src/libsodium/include/sodium/version.h"
}

build_flavour() {
    local flavour=$1 out=$cache/deps/$1.new source
    rm -rf "$out"
    mkdir -p "$out/lib" "$out/include/cjson"

    source=$(source_of libuv1)
    cmake_build "$flavour" "$source" uv_a -DBUILD_TESTING=OFF -DLIBUV_BUILD_TESTS=OFF
    cp -r "$source/include/." "$out/include/"

    source=$(source_of cjson)
    cmake_build "$flavour" "$source" cjson -DENABLE_CJSON_TEST=OFF -DBUILD_SHARED_LIBS=OFF \
        -DBUILD_SHARED_AND_STATIC_LIBS=OFF -DENABLE_CUSTOM_COMPILER_FLAGS=OFF
    cp "$source/cJSON.h" "$out/include/cjson/"

    source=$(source_of libsodium)
    write_sodium_build "$source"
    cmake_build "$flavour" "$source" sodium
    cp -r "$source/src/libsodium/include/." "$out/include/"

    source=$(source_of cmocka)
    cmake_build "$flavour" "$source" cmocka-static -DWITH_STATIC_LIB=ON -DUNIT_TESTING=OFF \
        -DWITH_EXAMPLES=OFF -DBUILD_SHARED_LIBS=OFF
    cp "$source"/include/cmocka*.h "$out/include/"

    local library
    for library in libuv_a libcjson libsodium libcmocka-static; do
        [ -s "$out/lib/$library.a" ] || { echo "$library.a was not built"; return 1; }
    done
    stamp_of "$flavour" >"$out/stamp"
    rm -rf "$cache/deps/$flavour" "$cache/deps/build/$flavour"
    mv "$out" "$cache/deps/$flavour"
}

# What the libraries depend on: this script, the toolchain file, the compiler.
stamp_of() {
    cat "$root/scripts/build-deps.sh" "$root/cmake/$1.cmake" <("$(compiler_of "$1")" --version) | sha256sum
}
compiler_of() { case $1 in musl) echo musl-gcc ;; mingw) echo x86_64-w64-mingw32-gcc ;; *) die "unknown flavour '$1'" ;; esac; }

flavours=("$@")
[ $# -gt 0 ] || flavours=(musl mingw)
for flavour in "${flavours[@]}"; do
    compiler=$(compiler_of "$flavour")
    command -v "$compiler" >/dev/null || die "$compiler is missing: run scripts/setup.sh build"
    [ "$(cat "$cache/deps/$flavour/stamp" 2>/dev/null)" = "$(stamp_of "$flavour")" ] && continue
    has_sources || step "fetching source packages: ${packages[*]}" fetch_sources
    step "building ${packages[*]} for $flavour" build_flavour "$flavour"
done
