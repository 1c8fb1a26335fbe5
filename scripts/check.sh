#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every test there is, step by step; ends with a count. Usage: check.sh BUILD
set -uo pipefail
build=$1
passed=0 failed=0
jobs=$(nproc)

step() {
    local name=$1 start=$SECONDS
    shift
    echo "== $name"
    if "$@"; then
        passed=$((passed + 1))
        echo "   $name: passed in $((SECONDS - start)) s"
    else
        failed=$((failed + 1))
        echo "   $name: FAILED in $((SECONDS - start)) s"
    fi
}

step build make -j"$jobs" all test-programs
step rooms make rooms
step headers make headers
step abi make abi-check
step unit make -j"$jobs" unit
step contract make -j"$jobs" contract
step torture make -j"$jobs" torture
step physics make -j"$jobs" physics
step python make python-check
step demo scripts/check-demo.sh "$build"
step install make install-check
step clang make -j"$jobs" BUILD="$build/clang" CC=clang lib programs
step asan make -j"$jobs" asan
step tsan make -j"$jobs" tsan
step fuzz make -j"$jobs" fuzz
echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
