#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs into an empty folder and builds a C program through pkg-config and a C++ one through CMake against that copy.
set -euo pipefail
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
make install DESTDIR= prefix="$stage/usr" > /dev/null
export PKG_CONFIG_PATH=$stage/usr/lib/pkgconfig LD_LIBRARY_PATH=$stage/usr/lib
# shellcheck disable=SC2046
gcc -std=c11 -Wall -Werror tests/install/embed.c -o "$stage/embed" $(pkg-config --cflags --libs libsbi) -lm
"$stage/embed"
cmake -S tests/install -B "$stage/cmake" -DCMAKE_PREFIX_PATH="$stage/usr" > /dev/null
cmake --build "$stage/cmake" > /dev/null
"$stage/cmake/embed"
"$stage/usr/bin/sbi-worker" --version
make uninstall DESTDIR= prefix="$stage/usr" > /dev/null
left=$(find "$stage/usr" -type f -o -type l | wc -l)
[ "$left" = 0 ] || { echo "uninstall left $left files"; exit 1; }
echo "install: linked through pkg-config and CMake, uninstalled without a trace"
