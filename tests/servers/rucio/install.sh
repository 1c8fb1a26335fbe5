#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Brings Rucio's server, or its reference client, into the user's cache, once, and prints the folder of the virtual environment.
# Usage: install.sh NAME PACKAGE==VERSION...
set -euo pipefail
name=$1
shift
venv=${XDG_CACHE_HOME:-$HOME/.cache}/libsbi-servers/$name
mkdir -p "${venv%/*}"
exec 9> "$venv.lock"
flock 9
if [ ! -e "$venv/installed" ]; then
    rm -rf "$venv"
    python=/usr/bin/python3
    [ -x $python ] || python=python3
    $python -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
    touch "$venv/installed"
fi
echo "$venv"
