#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job, reduced: runs; continues after SIGKILL with the same bytes; refuses what it should; agrees with the truth.
# Usage: check-demo.sh BUILD
set -euo pipefail
build=$(realpath "$1")
program=$build/bin/offshell_higgs
export SBI_PYTHON=$build/venv/bin/python
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
small=(--events 30000 --integration 15000 --members 2 --variation-members 1 --depth 2 --width 32 --epochs 5 --nuisances 2 --scan 21)

"$program" --help | grep -q -- --truth-ratios
echo "demo: an uninterrupted run"
"$program" "${small[@]}" --output "$scratch/whole" > "$scratch/whole.log" 2>&1 || { cat "$scratch/whole.log"; exit 1; }
tail -n 6 "$scratch/whole.log"
for plot in scan impacts training calibration timeline; do
    [ -s "$scratch/whole/plots/$plot.png" ] || { echo "no plot $plot.png"; exit 1; }
done

# Killed at several moments, each time with another number of threads, then left to finish.
for moment in 0.4 1.5 2.5 4; do
    "$program" "${small[@]}" --threads 1 --output "$scratch/killed" > "$scratch/killed.log" 2>&1 &
    pid=$!
    sleep "$moment"
    if kill -KILL "$pid" 2> /dev/null; then killed=$((${killed:-0} + 1)); fi
    wait "$pid" 2> /dev/null || true
done
[ "${killed:-0}" -ge 1 ] || { echo "no run was killed in time"; exit 1; }
"$program" "${small[@]}" --threads 3 --output "$scratch/killed" > "$scratch/killed.log" 2>&1 || { cat "$scratch/killed.log"; exit 1; }
compared=0
while read -r file; do
    cmp "$scratch/whole/$file" "$scratch/killed/$file"
    compared=$((compared + 1))
done < <(cd "$scratch/whole" && find . -name '*.npy' -o -name results.json -o -name 'workspace*.json' -o -path './networks/*.npz')
left=$(find "$scratch/killed" -name '*.tmp' | wc -l)
echo "demo: $killed runs killed, then finished: $compared files equal byte for byte, $left temporary files left"

# Another job in the same folder, a read-only folder, a bad flag, an executor that does not exist.
refuse() {
    local wanted=$1 expected=$2
    shift 2
    local status=0
    "$program" "$@" > "$scratch/refused.log" 2>&1 || status=$?
    [ "$status" = "$expected" ] && grep -q -- "$wanted" "$scratch/refused.log" ||
        { echo "expected exit $expected and \"$wanted\", got $status:"; cat "$scratch/refused.log"; exit 1; }
}
refuse "epochs 5, not --epochs 7" 1 "${small[@]}" --epochs 7 --output "$scratch/whole"
refuse "expected a number" 2 --events few
refuse "nowhere" 1 --executor nowhere --output "$scratch/none"
refuse "No such file or directory" 1 --output "$scratch/none/deeper"
if [ "$(id -u)" = 0 ]; then
    echo "SKIP: a read-only output folder is not refused to root"
else
    mkdir "$scratch/locked" && chmod 500 "$scratch/locked"
    refuse "Permission denied" 1 --output "$scratch/locked/run"
fi

"$program" --truth-ratios --events 20000 --integration 10000 --nuisances 4 --scan 41 --output "$scratch/exact" \
    > "$scratch/exact.log" 2>&1 || { cat "$scratch/exact.log"; exit 1; }

echo "demo: a run with enough events to judge its physics"
"$program" --events 400000 --nuisances 0 --bootstrap --scan 31 --output "$scratch/closure" > "$scratch/closure.log" 2>&1 ||
    { cat "$scratch/closure.log"; exit 1; }

# Closure: the learnt curve against the one with exact ratios, and the exact fit against the analytic curve.
SBI_LIBRARY=$build/libsbi.so.0 "$build/venv/bin/python" scripts/check-closure.py "$scratch/closure" "$scratch/exact"
