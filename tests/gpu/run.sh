#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests and benchmarks of this folder on the machine's NVIDIA device, each with a time limit, keeps all that they say in OUT and
# ends with a short table. Usage: run.sh OUT [--tests]
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: run.sh OUT [--tests]}
mkdir -p "$out"
out=$(cd "$out" && pwd)
failed=0

# NVIDIA's libraries: beside nvcc, in CUDA_HOME, in Python's nvidia packages, where the system keeps toolkits.
cuda_folders() {
    local nvcc root
    nvcc=$(command -v nvcc || true)
    for root in ${CUDA_HOME:-} ${nvcc:+$(dirname "$(dirname "$(realpath "$nvcc")")")} /usr/local/cuda; do
        printf '%s\n' "$root/lib64" "$root/lib" "$root/targets/x86_64-linux/lib"
    done
    [ -z "$python" ] || "$python" - <<'PYTHON'
import importlib.util, pathlib
spec = importlib.util.find_spec("nvidia")
for place in spec.submodule_search_locations if spec else []:
    for folder in sorted({p.parent for p in pathlib.Path(place).rglob("libcu*.so*")}):
        print(folder)
PYTHON
}

python=$(command -v python3 || true)
export LD_LIBRARY_PATH=$here/lib:${LD_LIBRARY_PATH:-} SBI_PLUGIN_PATH=$here/lib PYTHONUNBUFFERED=1
if [ ! -e "$here/lib/libcuda-standin.so" ]; then
    for library in libcudart.so.13 libcublas.so.13 libcublasLt.so.13; do
        found=
        while read -r folder; do
            [ -e "$folder/$library" ] && { found=$folder; break; }
        done < <(cuda_folders)
        if [ -n "$found" ]; then
            LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$found
            echo "$library: $found"
        else
            echo "$library was found nowhere: set CUDA_HOME"
        fi
    done | tee "$out/libraries.txt"
    # (The loop is at the end of a pipe: what it set is read from what it said.)
    LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$(sed -n 's/^lib.*: \(\/.*\)/\1/p' "$out/libraries.txt" | sort -u | paste -sd:)
fi
{
    echo "commit: $(cat "$here/commit")"
    echo "date: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader 2>/dev/null | sed 's/^/device: /'
    [ -e "$here/lib/libcuda-standin.so" ] && echo "device: the stand-in on the host (no GPU)"
    grep -m1 'model name' /proc/cpuinfo | sed 's/.*: /processor: /'
} | tee "$out/machine.txt"

run() { # seconds, name, command...
    local limit=$1 name=$2 status=0 began=$SECONDS
    shift 2
    echo "== $name"
    timeout -k 5 "$limit" "$@" > "$out/$name.log" 2> "$out/$name.err" || status=$?
    echo "$name $status $((SECONDS - began))" >> "$out/steps.txt"
    tail -n 25 "$out/$name.log"
    [ "$status" = 0 ] || { failed=1; echo "   $name: exit status $status"; tail -n 15 "$out/$name.err"; }
}

: > "$out/steps.txt"
for program in "$here"/bin/test_*; do
    CK_FORK=${CK_FORK:-yes} run "${SBI_TEST_SECONDS:-150}" "$(basename "$program")" "$program"
done
if [ "${2:-}" != --tests ]; then
    for program in "$here"/bin/bench_*; do run "${SBI_BENCH_SECONDS:-120}" "$(basename "$program")" "$program"; done
    [ -z "$python" ] || run "${SBI_TORCH_SECONDS:-120}" bench_torch "$python" "$here/bench_torch.py"
fi
if [ -n "$python" ]; then
    "$python" "$here/report.py" "$out" || failed=1
else
    cat "$out/steps.txt"
fi
exit $failed
