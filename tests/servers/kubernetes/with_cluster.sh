#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts a cluster, runs a command inside its network namespace, stops the cluster, and ends as the command did.
# Usage: with_cluster.sh BUILD [--node kubelet|agent|instant|none] COMMAND...
# Without --node: a kubelet with containers where the machine allows them, else the stand-in of agent.py, with a line that says so.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1
shift
node=
if [ "$1" = --node ]; then
    node=$2
    shift 2
fi
[ "$(id -u)" = 0 ] || { echo "SKIP: a cluster of its own needs root, for a network namespace"; exit 77; }
folder=$(mktemp -d "${TMPDIR:-/tmp}/sbi-cluster-XXXXXX")
stop() {
    "$here/cluster.py" stop "$folder" 2>/dev/null
    if [ "${KEEP_CLUSTER_LOGS:-}" ]; then echo "logs: $folder"; else rm -rf "$folder"; fi
}
trap stop EXIT
trap 'exit 143' TERM INT
if [ -z "$node" ]; then
    node=kubelet
    if ! command -v containerd >/dev/null || ! "$here/cluster.py" start "$folder" --node kubelet; then
        echo "SKIP: containers: this machine does not allow them, or has no containerd: pods are run as processes by tests/servers/kubernetes/agent.py"
        rm -rf "$folder"
        mkdir -p "$folder"
        node=agent
        "$here/cluster.py" start "$folder" --node agent || exit 1
    fi
else
    "$here/cluster.py" start "$folder" --node "$node" || exit 1
fi
set -a
. "$folder/environment"
set +a
if [ "$node" = kubelet ]; then
    "$here/../../../container/make_image.py" "$build" "$folder/worker.tar" && "$here/cluster.py" image "$folder" "$folder/worker.tar" || exit 1
fi
$SBI_CLUSTER_ENTER "$@"
