#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the programs given, of tests/cluster, on a cluster of their own. Where a machine cannot have one, a line says why and nothing fails.
# Usage: check_cluster.sh BUILD PROGRAM...
set -uo pipefail
servers=$(cd "$(dirname "$0")/../servers" && pwd)
scripts=$(cd "$(dirname "$0")/../../scripts" && pwd)
skip() {
    echo "SKIP: tests on a Kubernetes cluster: $1"
    exit 0
}
[ "$(id -u)" = 0 ] || skip "a network namespace of their own takes root"
for program in ip nsenter openssl curl python3; do
    command -v "$program" >/dev/null || skip "there is no $program: make deps-servers"
done
unshare --net true 2>/dev/null || skip "this machine allows no network namespaces"
go=$("$servers/go.sh") || skip "there is no Go 1.24 to build it: make deps-servers"
# A machine without network cannot build it; with network, a build that fails is a failure.
"$servers/kubernetes/build.sh" --is-built >/dev/null || (cd "$servers/kubernetes" && "$go" mod download k8s.io/kubernetes) ||
    skip "it is not built yet, and Go's modules cannot be fetched"
"$servers/kubernetes/build.sh" >/dev/null || exit 1
"$servers/kubernetes/with_cluster.sh" "$1" "$scripts/run-tests.sh" "$@"
