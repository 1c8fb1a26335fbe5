#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the programs given, of tests/cluster, on a cluster of their own. Where a machine cannot have one, a line says why and nothing fails.
# Usage: check_cluster.sh BUILD PROGRAM...
set -uo pipefail
servers=$(cd "$(dirname "$0")/../servers" && pwd)
scripts=$(cd "$(dirname "$0")/../../scripts" && pwd)
WHAT="tests on a Kubernetes cluster"
. "$(dirname "$0")/prerequisites.sh"
go=$("$servers/go.sh") || skip "there is no Go 1.24 to build it: make deps-servers"
# A machine without network cannot build it; with network, a build that fails is a failure.
"$servers/kubernetes/build.sh" --is-built >/dev/null || (cd "$servers/kubernetes" && "$go" mod download k8s.io/kubernetes) ||
    skip "it is not built yet, and Go's modules cannot be fetched"
"$servers/kubernetes/build.sh" >/dev/null || exit 1
"$servers/kubernetes/with_cluster.sh" "$1" "$scripts/run-tests.sh" "$@"
