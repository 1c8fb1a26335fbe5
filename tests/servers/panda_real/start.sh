#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PanDA's own server with JEDI on loopback: PostgreSQL with its schema, the WSGI application behind nginx, the daemons that a task without input needs, one
# queue, and pilots of tests/servers/panda_real/pilot.py that run the real runGen. It is not on PyPI, so it is run from checkouts:
# PANDA_SERVER, PANDA_DATABASE, PANDA_WNSCRIPT: folders of panda-server, panda-database and panda-wnscript of github.com/PanDAWMS.
# Needs PostgreSQL 15, nginx, unzip; what is on PyPI is installed once. Usage: start.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
for name in PANDA_SERVER PANDA_DATABASE PANDA_WNSCRIPT; do
    [ -d "${!name:-}" ] || { echo "$name is no folder: see $0" >&2; exit 1; }
done
postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -n "$postgres" ] && command -v nginx unzip > /dev/null || { echo "PostgreSQL, nginx or unzip is missing" >&2; exit 1; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
venv=${SBI_PANDA_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/libsbi-servers/panda}
if [ ! -e "$venv/installed" ]; then
    python3 -m venv "$venv"
    pip="$venv/bin/pip install -q --disable-pip-version-check"
    $pip --prefer-binary hatchling setuptools wheel pyOpenSSL python-daemon pyyaml pyjwt polars requests psutil ruamel.yaml packaging numpy werkzeug bs4 \
        psycopg2-binary gunicorn dogpile.cache configparser pytz httpx websocket-client
    # Without what they would bring: other databases, snakemake, docopt.
    $pip --no-deps --no-build-isolation 'panda-common>=0.1.9' panda-client-light 'stomp.py' idds-common idds-client 'idds-workflow>=1.1.0' idds-doma idds-atlas rucio-clients
    touch "$venv/installed"
fi
export PANDA_POSTGRES=$postgres
http=$(free_port) app=$(free_port) db=$(free_port)
"$venv/bin/python" "$here/serve.py" "$folder" "$http" "$app" "$db" > "$folder/log" 2>&1 < /dev/null &
echo $! > "$folder/pid"
for i in $(seq 1800); do
    [ -e "$folder/ready" ] && break
    kill -0 "$(cat "$folder/pid")" 2> /dev/null || break
    sleep 0.2
done
[ -e "$folder/ready" ] || { echo "the server in $folder did not start:" >&2; tail -n 20 "$folder/log" >&2; exit 1; }
mkdir -p "$folder/store"
# run.sh asks the tests that read PANDA_URL to use this server and no stand-in.
cat > "$folder/env" <<EOF
PANDA_URL=http://127.0.0.1:$http
PANDA_AUTH_VO=wlcg
PANDA_AUTH_ID_TOKEN=$(cat "$folder/user.token")
SBI_TEST_PANDA_STORE=$folder/store
SBI_TEST_PANDA_KEYS="nickname":"tester","interval_s":1,"memory":0,"task_patch":{"transPath":"http://127.0.0.1:$http/trf/user/runGen-00-00-02"}
EOF
