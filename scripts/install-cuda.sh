#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Puts NVIDIA's compiler and libraries from PyPI into BUILD/cuda-toolkit, for machines without a CUDA toolkit: enough to compile, link
# and inspect libsbi-cuda.so, not to run it (that takes a driver). Usage: install-cuda.sh BUILD
# Without network access it says so and succeeds: what needs the toolkit is skipped then, with a line.
set -euo pipefail
build=$1
target=$build/cuda-toolkit
# The oldest release of version 13, since a plugin runs with the libraries of its own release and of later ones.
packages=(nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96
          nvidia-cuda-cccl==13.0.85 nvidia-cublas==13.0.2.14 nvidia-cuda-cuobjdump==13.2.86 nvidia-cuda-nvdisasm==13.2.86)

if [ -n "${CUDA_HOME:-}" ] && [ -x "$CUDA_HOME/bin/nvcc" ] || command -v nvcc >/dev/null; then
    echo "a CUDA toolkit is installed: nothing to fetch"
    exit 0
fi
[ "$(uname -sm)" = "Linux x86_64" ] || { echo "SKIP: no CUDA toolkit: the packages are fetched for Linux on x86-64 only"; exit 0; }
if [ "$(cat "$target/.packages" 2>/dev/null)" = "${packages[*]}" ]; then exit 0; fi
python=/usr/bin/python3
[ -x "$build/venv/bin/python" ] && python=$build/venv/bin/python
echo "fetching NVIDIA's compiler and libraries into $target"
rm -rf "$target"
mkdir -p "$target"
if ! "$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --no-cache-dir --target "$target" \
        "${packages[@]}" 2> "$target/log"; then
    echo "SKIP: no CUDA toolkit: $(grep -m 1 -i error "$target/log" || tail -n 1 "$target/log")"
    rm -rf "$target"
    exit 0
fi
echo "${packages[*]}" > "$target/.packages"
