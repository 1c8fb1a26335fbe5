#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the stored reference values anew with independent software and compares; a line for each script, and a failure does not stop
# the others. SBI_LIKELIHOODS may name a folder of published likelihoods. Usage: check-peers.sh BUILD [--prepare]
# --prepare: only the Python environment, BUILD/venv-peers.
set -euo pipefail
build=$1
python=/usr/bin/python3
[ -x $python ] || python=python3
[ -x "$build/venv-peers/bin/python" ] || "$python" -m venv "$build/venv-peers"
"$build/venv-peers/bin/pip" install --quiet --disable-pip-version-check numpy scipy jax iminuit mpmath torch pyhf==0.7.6 cabinetry
[ "${2:-}" != --prepare ] || exit 0
failed=()
for script in tests/reference/*_*.py; do
    grep -q -- --check "$script" || continue
    start=$SECONDS
    if "$build/venv-peers/bin/python" "$script" --check; then
        echo "ok      $script $((SECONDS - start)) s"
    else
        echo "FAILED  $script $((SECONDS - start)) s"
        failed+=("$script")
    fi
done
echo "check-peers: ${#failed[@]} failed"
[ ${#failed[@]} = 0 ]
