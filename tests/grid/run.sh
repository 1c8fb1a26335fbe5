#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts the servers of tests/servers in a temporary folder, runs test programs with their addresses in the environment, and stops the servers.
# Usage: run.sh BUILD PROGRAM...
set -uo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/sbi-servers-XXXXXX")
finish() {
    for server in "$folder"/*/; do "$here/servers/stop.sh" "$server"; done
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE \
    BEARER_TOKEN BEARER_TOKEN_FILE X509_USER_PROXY X509_CERT_DIR RUCIO_ACCOUNT RUCIO_AUTH_TYPE RUCIO_HOME RUCIO_CONFIG SBI_RUCIO_CONFIG
for kind in ${SBI_TEST_SERVERS:-nginx s3 faulty}; do
    "$here/servers/$kind/start.sh" "$folder/$kind" || { echo "FAILED: the server $kind did not start"; exit 1; }
    while IFS= read -r line; do export "${line?}"; done < "$folder/$kind/env"
done
"$here/../scripts/run-tests.sh" "$@"
