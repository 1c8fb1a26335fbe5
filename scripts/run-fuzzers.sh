#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzzer for some seconds from its seed corpus. Usage: run-fuzzers.sh BUILD SECONDS NAME...
set -uo pipefail
build=$1 seconds=$2
shift 2
failed=0
for name in "$@"; do
    corpus=$build/fuzz/corpus/$name
    mkdir -p "$corpus"
    seeds=tests/fuzz/corpus/${name#fuzz_}
    log=$build/fuzz/$name.log
    args=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -artifact_prefix="$build/fuzz/" "$corpus")
    [ -d "$seeds" ] && args+=("$seeds")
    if "$build/fuzz/fuzz/$name" "${args[@]}" > "$log" 2>&1; then
        echo "ok      $name: $(grep -E 'Done [0-9]+ runs' "$log" | tail -1)"
    else
        echo "FAILED  $name"
        tail -n 40 "$log"
        failed=1
    fi
done
exit $failed
