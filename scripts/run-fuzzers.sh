#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzzer for some seconds from its seed corpus; what it finds stays in BUILD. Usage: run-fuzzers.sh BUILD SECONDS NAME...
set -uo pipefail
build=$1 seconds=$2
shift 2
failed=0
for name in "$@"; do
    corpus=$build/corpus/$name
    mkdir -p "$corpus"
    seeds=tests/fuzz/corpus/${name#fuzz_}
    log=$build/$name.log
    # -timeout is for one input and only there to end an endless loop.
    args=(-max_total_time="$seconds" -timeout=120 -rss_limit_mb=2048 -artifact_prefix="$build/" "$corpus")
    [ -d "$seeds" ] || { echo "FAILED  $name: no seeds in $seeds"; failed=1; continue; }
    if "$build/fuzz/$name" "${args[@]}" "$seeds" > "$log" 2>&1; then
        echo "ok      $name: $(grep -E 'Done [0-9]+ runs' "$log" | tail -n 1)"
    else
        echo "FAILED  $name"
        tail -n 40 "$log"
        failed=1
    fi
done
exit $failed
