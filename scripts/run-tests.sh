#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs test programs, JOBS (2) at a time, and prints a line for each; the whole output of one that fails. A program that ran no
# check fails. Usage: run-tests.sh BUILD PROGRAM...
set -uo pipefail
build=$1
shift
[ $# -gt 0 ] || { echo "run-tests: no test programs"; exit 1; }
logs=$build/test-logs
mkdir -p "$logs"

run_one() {
    local program=$1 log=$2/${1##*/}.log start=$SECONDS status=0 closing
    timeout 3600 "$program" > "$log" 2>&1 || status=$?
    closing=$(grep -E '^[0-9]+%: Checks: [0-9]+' "$log" | tail -n 1)
    if [ "$status" = 0 ] && [ -n "$closing" ] && [[ $closing != *"Checks: 0,"* ]]; then
        printf 'ok      %-34s %4d s  %s\n' "${program##*/}" $((SECONDS - start)) "$closing"
        grep -E '^(SKIP|skipped):' "$log" || true
    else
        printf 'FAILED  %-34s %4d s  exit status %s\n' "${program##*/}" $((SECONDS - start)) "$status"
        cat "$log"
        return 1
    fi
}
export -f run_one
# Timeouts are only there to end what hangs: long enough for a sanitizer on a busy machine.
export SBI_BUILD=$build CK_DEFAULT_TIMEOUT=60 CK_TIMEOUT_MULTIPLIER=15
printf '%s\0' "$@" | xargs -0 -P "${JOBS:-2}" -I{} bash -c 'run_one "$1" "$2"' _ {} "$logs"
