#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Rucio server (41.5.1 from PyPI, on SQLite) on loopback, and in FOLDER-storage nginx: two storage elements, DAV1 and DAV2, over http and https, and
# Rucio over https with client certificates, whose subject it hands to Rucio as Apache does. Usage: start.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
venv=$("$here/install.sh" rucio-41.5.1 rucio==41.5.1 gunicorn==27.0.1)
client=$("$here/install.sh" rucio-clients-41.5.1 rucio-clients==41.5.1)
mkdir -p "$1" "$1-storage"/{data/dav1,data/dav2,tmp}
folder=$(cd "$1" && pwd)
storage=$(cd "$1-storage" && pwd)
port=$(free_port)
dav=$(free_port)
tls=$(free_port)
front=$(free_port)
secret=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')

cd "$storage"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=sbi-test-ca -keyout ca.key -out ca.pem 2>/dev/null
for who in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$who" -keyout $who.key -out $who.csr 2>/dev/null
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' > $who.ext
    openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $who.ext -out $who.pem 2>/dev/null
done
cat client.pem client.key > proxy.pem
printf 'ddmlab:%s' "$secret" > user
printf 'ddmlab:wrong' > wrong
printf 'none' > nobody
chmod 600 user wrong ./*.key proxy.pem
module() { [ -e "/usr/lib/nginx/modules/$1" ] && echo "load_module /usr/lib/nginx/modules/$1;"; }
cat > nginx.conf <<END
$(module ngx_http_dav_ext_module.so)
worker_processes 1;
daemon off;
pid $storage/nginx.pid;
error_log $storage/log warn;
$([ "$(id -u)" = 0 ] && echo 'user root;')
events { worker_connections 256; }
http {
    access_log $storage/access;
    client_body_temp_path $storage/tmp/body;
    proxy_temp_path $storage/tmp/proxy;
    fastcgi_temp_path $storage/tmp/fastcgi;
    uwsgi_temp_path $storage/tmp/uwsgi;
    scgi_temp_path $storage/tmp/scgi;
    keepalive_requests 10000;
    client_max_body_size 0;
    root $storage/data;
    dav_methods PUT DELETE MKCOL COPY MOVE;
    dav_ext_methods PROPFIND OPTIONS;
    dav_access user:rw;
    autoindex on; # the reference client asks for the storage element's folder first, and wants 200
    # Folders that are missing: over http the client makes them, over https the storage element, as the reference client wants.
    server { listen 127.0.0.1:$dav; create_full_put_path off; }
    ssl_certificate $storage/server.pem;
    ssl_certificate_key $storage/server.key;
    ssl_client_certificate $storage/ca.pem;
    ssl_verify_client optional;
    server { listen 127.0.0.1:$tls ssl; create_full_put_path on; }
    server {
        listen 127.0.0.1:$front ssl;
        location / {
            dav_methods off;
            dav_ext_methods off;
            proxy_set_header Host \$http_host;
            proxy_set_header X-Test-Subject \$ssl_client_s_dn;
            proxy_pass http://127.0.0.1:$port;
        }
    }
}
END
nginx -p "$storage" -c "$storage/nginx.conf" > out 2>&1 < /dev/null &
echo $! > pid
wait_for "$storage" "$front" || { cat out >&2; exit 1; }

cd "$folder"
mkdir -p etc
cat > etc/rucio.cfg <<END
[common]
loglevel = WARNING
[database]
default = sqlite:///$folder/rucio.db
[alembic]
cfg = $folder/etc/alembic.ini
[bootstrap]
userpass_identity = ddmlab
userpass_pwd = $secret
x509_identity = CN=client
[policy]
permission = generic
schema = generic
END
cat > etc/alembic.ini <<END
[alembic]
script_location = rucio:db/sqla/migrate_repo
sqlalchemy.url = sqlite:///$folder/rucio.db
[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
level = WARNING
handlers =
END
chmod 600 etc/rucio.cfg
export RUCIO_HOME=$folder RUCIO_CONFIG=$folder/etc/rucio.cfg PYTHONPATH=$here
unset RUCIO_ACCOUNT RUCIO_AUTH_TYPE
"$venv/bin/python" -c 'import served
from rucio.db.sqla.util import build_database, create_base_vo, create_root_account
build_database(); create_base_vo(); create_root_account()' > log 2>&1 || { tail -n 20 log >&2; exit 1; }
# With more threads SQLite answers 500 "database is locked".
"$venv/bin/python" -m gunicorn --no-control-socket -w 1 -k gthread --threads 1 -b "127.0.0.1:$port" served:application >> log 2>&1 < /dev/null &
echo $! > pid
wait_for "$folder" "$port"
"$venv/bin/python" "$here/seed.py" "http://127.0.0.1:$port" "$storage/user" "$dav" "$tls" || { tail -n 20 log >&2; exit 1; }

mkdir -p client/etc
cat > client/etc/rucio.cfg <<END
[client]
rucio_host = http://127.0.0.1:$port
auth_host = http://127.0.0.1:$port
account = root
auth_type = userpass
username = ddmlab
password = $secret
auth_token_file_path = $folder/client/token
request_retries = 3
ca_cert = $storage/ca.pem
END
chmod 600 client/etc/rucio.cfg
cat > env <<END
SBI_TEST_RUCIO=http://127.0.0.1:$port
SBI_TEST_RUCIO_TLS=https://127.0.0.1:$front
SBI_TEST_RUCIO_STORAGE=$storage
SBI_TEST_RUCIO_DAV=http://127.0.0.1:$dav
SBI_TEST_RUCIO_CLIENT=$client/bin/rucio
SBI_TEST_RUCIO_CLIENT_HOME=$folder/client
SBI_TEST_RUCIO_DB=$folder/rucio.db
END
