#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The stand-in of a PanDA server, of its pilots and of an OIDC provider. Usage: start.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
port=$(free_port)
python3 "$here/server.py" "$port" "$folder" > "$folder/log" 2>&1 < /dev/null &
echo $! > "$folder/pid"
wait_for "$folder" "$port"
echo "SBI_TEST_PANDA=http://127.0.0.1:$port" > "$folder/env"
