#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzzer for some seconds from its seed corpus, JOBS (2) at a time; what it finds stays in BUILD. Usage: run-fuzzers.sh BUILD SECONDS NAME...
set -uo pipefail
export build=$1 seconds=$2
shift 2

run_one() {
    local name=$1 corpus=$build/corpus/$1
    mkdir -p "$corpus"
    local seeds=tests/fuzz/corpus/${name#fuzz_} log=$build/$name.log
    # -timeout is for one input and only there to end an endless loop.
    local args=(-max_total_time="$seconds" -timeout=120 -rss_limit_mb=2048 -artifact_prefix="$build/$name-" "$corpus")
    [ -d "$seeds" ] || { echo "FAILED  $name: no seeds in $seeds"; return 1; }
    if "$build/fuzz/$name" "${args[@]}" "$seeds" > "$log" 2>&1; then
        echo "ok      $name: $(grep -E 'Done [0-9]+ runs' "$log" | tail -n 1)"
    else
        echo "FAILED  $name"
        tail -n 40 "$log"
        return 1
    fi
}
export -f run_one
printf '%s\0' "$@" | xargs -0 -P "${JOBS:-2}" -I{} bash -c 'run_one "$1"' _ {}
