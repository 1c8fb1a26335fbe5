#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job, reduced, on this machine and again with its tasks in pods that know an S3 bucket only: every file equal byte for byte, ensembles and
# the Hessian's rows among them. Run inside a cluster by tests/servers/kubernetes/with_cluster.sh. Usage: check_demo.sh BUILD
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath "$1")
program=$build/bin/offshell_higgs
[ -x "$build/venv/bin/python" ] && export SBI_PYTHON=$build/venv/bin/python
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sbi-kube-demo-XXXXXX")
finish() {
    "$here/servers/stop.sh" "$scratch/s3"
    rm -rf "$scratch"
}
trap finish EXIT
small=(--events 20000 --integration 10000 --members 2 --variation-members 1 --depth 2 --width 16 --epochs 3 --nuisances 1 --scan 11)

SBI_TEST_ADDRESS=$SBI_CLUSTER_ADDRESS "$here/servers/s3/start.sh" "$scratch/s3"
while IFS= read -r line; do export "${line?}"; done < "$scratch/s3/env"
python3 "$here/servers/kubernetes/cluster.py" secret "$SBI_CLUSTER" s3-credentials "$SBI_TEST_S3_CREDENTIALS"

# The stand-in node runs this machine's worker; containers have their own, and of this machine see nothing.
command=
[ "$SBI_CLUSTER_NODE" = kubelet ] || command="\"command\":[\"$build/bin/sbi-worker\"],"
config="{\"store\":\"$SBI_TEST_S3\",\"store_config\":{\"credentials_file\":\"$SBI_TEST_S3_CREDENTIALS\",\"allow_plain_credentials\":true},
\"pod_store_config\":{\"allow_plain_credentials\":true},\"image\":\"libsbi.test/sbi-worker:1\",\"pull_policy\":\"Never\",
$command\"secret\":\"s3-credentials\",\"environment\":{\"AWS_ENDPOINT_URL\":\"$AWS_ENDPOINT_URL\"},\"cpus\":0.2,\"memory\":536870912,\"heartbeat_s\":5}"

"$program" "${small[@]}" --output "$scratch/here" > "$scratch/here.log" 2>&1 || { cat "$scratch/here.log"; exit 1; }
start=$SECONDS
"$program" "${small[@]}" --executor kubernetes --executor-config "$config" --output "$scratch/there" > "$scratch/there.log" 2>&1 ||
    { cat "$scratch/there.log"; exit 1; }
grep "bit for bit" "$scratch/there.log"
compared=0
while read -r file; do
    cmp "$scratch/here/$file" "$scratch/there/$file"
    compared=$((compared + 1))
done < <(cd "$scratch/here" && find . -name '*.npy' -o -name results.json -o -path './networks/*.npz')
[ "$compared" -ge 5 ] || { echo "only $compared files were there to be compared"; exit 1; }

# Nothing secret in what the cluster shows, in logs, or in the bucket.
secret=$(sed -n 's/^aws_secret_access_key=//p' "$SBI_TEST_S3_CREDENTIALS")
printf 'Authorization: Bearer %s\n' "$(cat "$SBI_CLUSTER/admin.token")" |
    curl -sf --cacert "$SBI_CLUSTER/pki/apiserver.crt" -H @- "https://$SBI_CLUSTER_ADDRESS:6443/apis/batch/v1/namespaces/default/jobs" > "$scratch/jobs.json"
grep -q '"kind": *"JobList"' "$scratch/jobs.json"
if printf '%s\n' "$secret" | grep -r -l -F -f - "$scratch/jobs.json" "$scratch/there" "$scratch/there.log" "$scratch/s3/data"; then
    echo "the secret key is in these files"
    exit 1
fi
echo "demo on $SBI_CLUSTER_NODE through S3: $compared files equal byte for byte, in $((SECONDS - start)) s"
