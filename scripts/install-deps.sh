#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing to build and test libsbi, and makes a Python environment. Usage: install-deps.sh BUILD
# Debian's packages by apt-get (with sudo where not root); elsewhere it names them and stops if something is missing.
set -euo pipefail
build=$1

packages=(gcc g++ make pkg-config libc6-dev libopenblas-pthread-dev liblapacke-dev zlib1g-dev libjansson-dev check
          libcurl4-openssl-dev libyaml-dev libexpat1-dev nginx libnginx-mod-http-dav-ext openssl
          clang cmake python3 python3-venv abigail-tools)

missing() {
    local p
    for p in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || echo "$p"
    done
}

install() {
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; then
        "${as_root[@]}" apt-get update -qq
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    fi
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    mapfile -t need < <(missing "${packages[@]}")
    if [ ${#need[@]} -gt 0 ]; then
        echo "installing: ${need[*]}"
        install "${need[@]}" >/dev/null
    fi
    # The sanitizer and fuzzer runtimes of clang carry its version in their name.
    version=$(clang -dumpversion | cut -d. -f1)
    mapfile -t need < <(missing "libclang-rt-$version-dev")
    if [ ${#need[@]} -gt 0 ]; then
        install "${need[@]}" >/dev/null || echo "no libclang-rt-$version-dev: the fuzzers will replay their corpus only"
    fi
else
    echo "not a Debian system: these are needed: ${packages[*]}"
    for tool in gcc make pkg-config python3; do
        command -v "$tool" >/dev/null || { echo "missing: $tool"; exit 1; }
    done
fi

requirements=bindings/python/requirements.txt
stamp=$build/venv/.requirements
if ! cmp -s "$requirements" "$stamp"; then
    # The system's own interpreter: a virtual environment must not depend on what is in a user's PATH.
    python=/usr/bin/python3
    [ -x $python ] || python=python3
    echo "making the Python environment $build/venv"
    mkdir -p "$build"
    "$python" -m venv --clear "$build/venv"
    "$build/venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$stamp"
fi
