#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Campaigns with FAULTS seeded faults on a cluster whose pods agent.py runs, where Kubernetes has been built on this machine; elsewhere a line says
# how. Usage: check_faults.sh BUILD FAULTS SEED
set -uo pipefail
servers=$(cd "$(dirname "$0")/../servers" && pwd)
WHAT="campaigns with faults on a Kubernetes cluster"
. "$(dirname "$0")/prerequisites.sh"
"$servers/kubernetes/build.sh" --is-built >/dev/null || skip "its programs are not built: make deps-servers cluster-tests"
exec timeout 900 "$servers/kubernetes/with_cluster.sh" "$1" --node agent "$(dirname "$0")/faults.py" "$1" --faults "$2" --seed "$3"
