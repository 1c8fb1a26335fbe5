#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the stored reference values anew with independent software and compares. Usage: check-peers.sh BUILD
set -euo pipefail
build=$1
python=/usr/bin/python3
[ -x $python ] || python=python3
[ -x "$build/venv-peers/bin/python" ] || "$python" -m venv "$build/venv-peers"
"$build/venv-peers/bin/pip" install --quiet --disable-pip-version-check numpy scipy jax iminuit torch
for script in tests/reference/*_*.py; do
    grep -q -- --check "$script" || continue
    echo "== $script"
    "$build/venv-peers/bin/python" "$script" --check
done
