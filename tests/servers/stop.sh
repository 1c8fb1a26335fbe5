#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Stops the server of a folder by its id, and waits. Usage: stop.sh FOLDER
set -uo pipefail
[ -e "$1/pid" ] || exit 0
pid=$(cat "$1/pid")
kill -TERM "$pid" 2>/dev/null
for i in $(seq 50); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
done
kill -KILL "$pid" 2>/dev/null
rm -f "$1/pid"
exit 0
