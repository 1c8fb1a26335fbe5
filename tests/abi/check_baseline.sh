#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares the library with the ABI of the last release by abidiff. Usage: check_baseline.sh LIBRARY [--update]
# Until a release has stored one (make abi-baseline), the lists beside this file are all there is to hold.
set -euo pipefail
library=$1
soname=$(basename "$library" | sed 's/\(\.so\.[0-9]*\).*/\1/')
baseline=tests/abi/$soname.abixml
if [ "${2:-}" = --update ]; then
    # No paths of this machine, no line numbers: the file is committed.
    abidw --no-comp-dir-path --no-corpus-path --no-show-locs --headers-dir include/sbi --drop-private-types --out-file "$baseline" "$library"
    sed -i "s|$PWD/||g; s|$PWD|.|g" "$baseline"
    echo "abi: $baseline holds the ABI of $(basename "$library")"
elif [ ! -e "$baseline" ]; then
    echo "abi: no release has a baseline for $soname yet"
else
    # Bits of its exit status: 1 and 2 errors, 4 a change, 8 an incompatible one. Added functions are compatible.
    abidiff --no-show-locs --headers-dir2 include/sbi --drop-private-types --no-added-syms "$baseline" "$library" ||
        { echo "abi: $(basename "$library") differs from $baseline; an incompatible change needs a new SBI_ABI_VERSION"; exit 1; }
    echo "abi: compatible with $baseline"
fi
