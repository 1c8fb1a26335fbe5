#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the stored reference values anew with independent software and compares; a line for each script, and a failure does not stop
# the others. SBI_LIKELIHOODS may name a folder of published likelihoods. Usage: check-peers.sh BUILD [--prepare | --prepare-root | --prepare-mkl]
# --prepare: only the Python environment, BUILD/venv-peers. --prepare-root: only that of ROOT, BUILD/venv-root (PyPI has a pre-release).
set -euo pipefail
build=$1
python=/usr/bin/python3
[ -x $python ] || python=python3

environment() {
    [ -x "$build/$1/bin/python" ] || "$python" -m venv "$build/$1"
    "$build/$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
}

# --prepare-mkl: only MKL, BUILD/venv-mkl, for the tests of bf16.
[ "${2:-}" != --prepare-mkl ] || { environment venv-mkl mkl; exit 0; }
[ "${2:-}" = --prepare-root ] || environment venv-peers numpy scipy scikit-learn jax iminuit mpmath torch onnx onnxscript keras onnxruntime pyhf==0.7.6 cabinetry
[ "${2:-}" != --prepare ] || exit 0
environment venv-root --pre root 'numpy<3' || { echo "SKIP: PyPI's root could not be installed"; [ "${2:-}" != --prepare-root ]; }
[ "${2:-}" != --prepare-root ] || exit 0
failed=()
for script in tests/reference/*_*.py; do
    grep -q -- --check "$script" || continue
    venv=venv-peers
    if grep -q '^ *import ROOT' "$script"; then
        venv=venv-root
        "$build/$venv/bin/python" -W ignore -c 'import ROOT' 2>/dev/null || { echo "SKIP    $script: there is no ROOT"; continue; }
    fi
    start=$SECONDS
    if "$build/$venv/bin/python" "$script" --check; then
        echo "ok      $script $((SECONDS - start)) s"
    else
        echo "FAILED  $script $((SECONDS - start)) s"
        failed+=("$script")
    fi
done
echo "check-peers: ${#failed[@]} failed"
[ ${#failed[@]} = 0 ]
