# SPDX-License-Identifier: Apache-2.0
# Sourced by what skips where a machine cannot have a cluster, with WHAT it skips: a line says why and nothing fails.
skip() {
    echo "SKIP: $WHAT: $1"
    exit 0
}
[ "$(id -u)" = 0 ] || skip "a network namespace of their own takes root"
for program in ip nsenter openssl curl python3; do
    command -v "$program" >/dev/null || skip "there is no $program: make deps-servers"
done
unshare --net true 2>/dev/null || skip "this machine allows no network namespaces"
