#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A server of HTTP's troubles. Usage: start.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
port=$(free_port)
other=$(free_port)
python3 "$here/server.py" "$port" "$other" > "$folder/log" 2>&1 < /dev/null &
echo $! > "$folder/pid"
wait_for "$folder" "$other"
echo "SBI_TEST_FAULTY=http://127.0.0.1:$port" > "$folder/env"
