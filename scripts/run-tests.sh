#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs test programs, two at a time, and prints a line for each; the whole output of one that fails.
# Usage: run-tests.sh BUILD PROGRAM...   Exit status: the number of failures, at most 100.
set -uo pipefail
build=$1
shift
[ $# -gt 0 ] || { echo "no tests here yet"; exit 0; }
logs=$build/test-logs
mkdir -p "$logs"

run_one() {
    local program=$1 log=$2/${1##*/}.log start=$SECONDS
    if timeout 1500 "$program" > "$log" 2>&1; then
        printf 'ok      %-34s %4d s  %s\n' "${program##*/}" $((SECONDS - start)) "$(grep -E '^[0-9]+%:' "$log" | tail -1)"
        grep -E '^(SKIP|skipped):' "$log" || true
    else
        printf 'FAILED  %-34s %4d s\n' "${program##*/}" $((SECONDS - start))
        tail -n 60 "$log"
        return 1
    fi
}
export -f run_one
export SBI_BUILD=$build CK_DEFAULT_TIMEOUT=600
printf '%s\0' "$@" | xargs -0 -P "${JOBS:-2}" -I{} bash -c 'run_one "$1" "$2"' _ {} "$logs"
