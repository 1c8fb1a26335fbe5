#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Packs programs, the plugin and every library that a bare machine with a driver lacks into FOLDER, with run.sh.
# Usage: bundle.sh FOLDER PLUGIN PROGRAM...
set -euo pipefail
folder=$1 plugin=$2
shift 2
rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/lib"
cp "$@" "$folder/bin"
cp "$plugin" "$folder/lib"
[ -e "$(dirname "$plugin")/libcuda-standin.so" ] && cp "$(dirname "$plugin")/libcuda-standin.so" "$folder/lib"
# All but the C library's own, which belong to the machine's loader.
ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
    grep -Ev '/(libc|libm|libdl|libpthread|librt|ld-linux[^/]*)\.so' | xargs -r cp -Lt "$folder/lib"
cp tests/gpu/run.sh tests/gpu/report.py tests/gpu/bench_torch.py "$folder"
strip --strip-debug "$folder"/bin/* "$folder"/lib/*.so* 2>/dev/null || true
git describe --always --dirty > "$folder/commit" 2>/dev/null || echo unknown > "$folder/commit"
echo "$folder: $(du -sm "$folder" | cut -f1) MB; run it there with: $(basename "$folder")/run.sh OUT"
