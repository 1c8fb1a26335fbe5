#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs into an empty folder and links a C program through pkg-config and a C++ one through CMake against that copy, shared and
# static; then once more under DESTDIR, with folders of a distribution's choice, moved after it was installed.
# Usage: check_install.sh [BUILD]
set -euo pipefail
build=${1:-build}
make=${MAKE:-make}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
unset LD_LIBRARY_PATH PKG_CONFIG_SYSROOT_DIR DESTDIR

# link LIBRARY-FOLDER: programs against the copy that pkg-config finds there.
link() {
    local flags=(-std=c11 -Wall -Werror) cflags shared static
    read -ra cflags < <(pkg-config --cflags libsbi)
    read -ra shared < <(pkg-config --libs libsbi)
    read -ra static < <(pkg-config --static --libs libsbi | sed 's/-lsbi\b//')
    gcc "${flags[@]}" "${cflags[@]}" tests/install/embed.c -o "$stage/shared" "${shared[@]}" -lm
    gcc "${flags[@]}" "${cflags[@]}" tests/install/embed.c -o "$stage/static" "$1/libsbi.a" "${static[@]}"
    LD_LIBRARY_PATH=$1 "$stage/shared"
    "$stage/static"
    if ldd "$stage/static" | grep libsbi; then echo "the static program needs libsbi.so"; exit 1; fi
}

echo "install: prefix"
prefix=$stage/usr
"$make" install DESTDIR= prefix="$prefix" > "$stage/log" || { cat "$stage/log"; exit 1; }
PKG_CONFIG_PATH=$prefix/lib/pkgconfig link "$prefix/lib"
cmake -S tests/install -B "$stage/cmake" -DCMAKE_PREFIX_PATH="$prefix" > "$stage/log" || { cat "$stage/log"; exit 1; }
cmake --build "$stage/cmake" > "$stage/log" || { cat "$stage/log"; exit 1; }
"$stage/cmake/embed" && "$stage/cmake/embed_static"
"$make" install-python DESTDIR= prefix="$prefix" > /dev/null
LD_LIBRARY_PATH=$prefix/lib PYTHONPATH=$prefix/lib/python3/dist-packages "$build/venv/bin/python" -B -c "import sbi; print('embed: python', sbi.__name__)"
"$make" uninstall DESTDIR= prefix="$prefix" > /dev/null
left=$(find "$prefix" -type f -o -type l)
[ -z "$left" ] || { echo "uninstall left $left"; exit 1; }

echo "install: DESTDIR, moved"
folders=(prefix=/opt/sbi libdir=/opt/sbi/lib64 includedir=/opt/sbi/headers)
"$make" install DESTDIR="$stage/first" "${folders[@]}" > "$stage/log" || { cat "$stage/log"; exit 1; }
if grep -rIl -e "$stage" -e "$PWD" "$stage/first/opt"; then echo "these files name the folder of the build"; exit 1; fi
mv "$stage/first" "$stage/second"
lib=$stage/second/opt/sbi/lib64
PKG_CONFIG_SYSROOT_DIR=$stage/second PKG_CONFIG_PATH=$lib/pkgconfig link "$lib"
rm -rf "$stage/cmake"
cmake -S tests/install -B "$stage/cmake" -Dsbi_DIR="$lib/cmake/sbi" > "$stage/log" || { cat "$stage/log"; exit 1; }
cmake --build "$stage/cmake" > "$stage/log" || { cat "$stage/log"; exit 1; }
"$stage/cmake/embed" && "$stage/cmake/embed_static"
"$stage/second/opt/sbi/bin/sbi-worker" --version
"$make" uninstall DESTDIR="$stage/second" "${folders[@]}" > /dev/null
left=$(find "$stage/second" -type f -o -type l)
[ -z "$left" ] || { echo "uninstall left $left"; exit 1; }
echo "install: linked through pkg-config and CMake, shared and static, uninstalled without a trace"
