# SPDX-License-Identifier: Apache-2.0
# Sourced by the start scripts. A server lives in a folder: FOLDER/pid, FOLDER/log, FOLDER/env (lines NAME=value for tests).

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_for FOLDER PORT [ADDRESS]: until somebody listens there, at most 30 s, or the process is gone.
wait_for() {
    local i
    for i in $(seq 300); do
        if (exec 3<>"/dev/tcp/${3:-127.0.0.1}/$2") 2>/dev/null; then return 0; fi
        kill -0 "$(cat "$1/pid")" 2>/dev/null || break
        sleep 0.1
    done
    echo "the server in $1 did not start:" >&2
    tail -n 20 "$1/log" >&2
    return 1
}
