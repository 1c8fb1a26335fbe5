#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every test there is, step by step. Ends with a line for each step that failed and, alone on a line, how many tests passed:
# each Check and Python test counts, and each step that is one test in itself. Usage: check.sh BUILD
set -uo pipefail
build=$1
jobs=$(nproc)
# The steps have their own number of jobs; a make above that lends its slots would only warn about it.
MAKEFLAGS=$(sed -E 's/ ?-j[0-9]*//; s/ ?--jobserver-(auth|fds)=[^ ]*//' <<< "${MAKEFLAGS:-}")
export MAKEFLAGS
make=${MAKE:-make}
passed=0 failed=0 steps=0 failures=()
mkdir -p "$build"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Sums over the closing lines of Check ("..: Checks: 9, Failures: 0, Errors: 0") and unittest ("Ran 9 tests", "FAILED (failures=1)").
count() {
    awk '/Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
             match($0, /Checks: .*/); split(substr($0, RSTART), n, /[^0-9]+/); ran += n[2]; bad += n[3] + n[4] }
         /^Ran [0-9]+ tests? in/ { ran += $2 }
         /^FAILED \((failures|errors)=/ { line = $0; while (match(line, /(failures|errors)=[0-9]+/)) {
             split(substr(line, RSTART, RLENGTH), n, "="); bad += n[2]; line = substr(line, RSTART + RLENGTH) } }
         END { print ran + 0, bad + 0 }' "$log"
}

step() {
    local name=$1 start=$SECONDS status ran bad
    shift
    echo "== $name"
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    read -r ran bad < <(count)
    steps=$((steps + 1))
    if [ "$status" = 0 ] && [ "$bad" = 0 ]; then
        passed=$((passed + (ran > 0 ? ran : 1)))
        echo "   $name: passed in $((SECONDS - start)) s"
    else
        # A crash leaves no closing line: it is a failure all the same.
        [ "$bad" -gt 0 ] || bad=1
        passed=$((passed + (ran > bad ? ran - bad : 0)))
        failed=$((failed + bad))
        failures+=("$name")
        echo "   $name: FAILED in $((SECONDS - start)) s"
    fi
}

step build "$make" -j"$jobs" all test-programs
step rooms "$make" rooms
step headers "$make" headers
step abi "$make" abi
step unit "$make" -j"$jobs" unit
step contract "$make" -j"$jobs" contract
step cuda-tests "$make" -j"$jobs" cuda-tests
step cuda-check "$make" -j"$jobs" cuda-check
step grid "$make" -j"$jobs" grid-tests
step faults "$make" -j"$jobs" check-faults-here
step torture "$make" -j"$jobs" torture
step physics "$make" -j"$jobs" physics
step python "$make" python-check
step fitters "$make" fitters-check
step demo scripts/check-demo.sh "$build"
step install "$make" install-check
step clang "$make" -j"$jobs" BUILD="$build/clang" CC=clang OPT=-O0 all test-programs
step asan "$make" -j"$jobs" asan
step tsan "$make" -j"$jobs" tsan
step fuzz "$make" -j"$jobs" fuzz
echo
for name in "${failures[@]}"; do echo "FAILED: $name"; done
echo "$((steps - ${#failures[@]})) of $steps steps in $((SECONDS / 60)) min $((SECONDS % 60)) s"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
