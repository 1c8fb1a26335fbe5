#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An S3 server (versitygw on a folder) on loopback with one bucket. It is built by Go from go.mod beside this file, once, into the user's cache.
# Usage: start.sh FOLDER   Environment: SBI_TEST_ADDRESS, instead of 127.0.0.1
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
version=$(awk '$1 == "github.com/versity/versitygw" || $2 == "github.com/versity/versitygw" { for (i = 1; i <= NF; i++) if ($i ~ /^v[0-9]/) print $i }' "$here/go.mod" | head -n 1)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/libsbi-servers
program=$cache/versitygw-$version
if [ ! -x "$program" ]; then
    go=$("$here/../go.sh") || { echo "an S3 server is to be built, and there is no Go compiler" >&2; exit 77; }
    mkdir -p "$cache"
    (cd "$here" && GOFLAGS="-mod=mod -buildvcs=false" "$go" build -o "$program.$$" github.com/versity/versitygw/cmd/versitygw) && mv "$program.$$" "$program"
fi
mkdir -p "$1"
address=${SBI_TEST_ADDRESS:-127.0.0.1}
folder=$(cd "$1" && pwd)
mkdir -p "$folder/data/sbi-test"
port=$(free_port)
key=test$(head -c 8 /dev/urandom | od -An -tx1 | tr -d ' \n')
secret=$(head -c 20 /dev/urandom | od -An -tx1 | tr -d ' \n')
ROOT_ACCESS_KEY=$key ROOT_SECRET_KEY=$secret ROOT_ACCESS_KEY_ID=$key ROOT_SECRET_ACCESS_KEY=$secret \
    "$program" --port "$address:$port" --quiet --keep-alive posix "$folder/data" > "$folder/log" 2>&1 < /dev/null &
echo $! > "$folder/pid"
wait_for "$folder" "$port" "$address"
printf '[other]\naws_access_key_id = %s\naws_secret_access_key = not-the-secret\n[default]\naws_access_key_id = %s\naws_secret_access_key=%s\n' "$key" "$key" "$secret" \
    > "$folder/credentials"
chmod 600 "$folder/credentials"
cat > "$folder/env" <<EOF
SBI_TEST_S3=s3://sbi-test/some/prefix
SBI_TEST_S3_CREDENTIALS=$folder/credentials
AWS_ENDPOINT_URL=http://$address:$port
EOF
