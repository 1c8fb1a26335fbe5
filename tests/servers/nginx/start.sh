#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nginx as a WebDAV server on loopback: http; https with a certificate of a CA of its own, where /token wants a bearer token, /certificate a client
# certificate, /basic a user. Usage: start.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
mkdir -p "$folder"/{data/store,data/token,data/certificate,data/basic,tmp}
port=$(free_port)
tls=$(free_port)
cd "$folder"
if [ ! -e server.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=sbi-test-ca -keyout ca.key -out ca.pem 2>/dev/null
    for who in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$who" -keyout $who.key -out $who.csr 2>/dev/null
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' > $who.ext
        openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $who.ext -out $who.pem 2>/dev/null
    done
    cat client.pem client.key > proxy.pem
    head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' > token
    printf 'reader:%s' "$(head -c 9 /dev/urandom | od -An -tx1 | tr -d ' \n')" > user
    chmod 600 token user ./*.key proxy.pem
    printf 'reader:%s\n' "$(openssl passwd -apr1 "$(cut -d: -f2 user)")" > htpasswd
fi
module() { [ -e "/usr/lib/nginx/modules/$1" ] && echo "load_module /usr/lib/nginx/modules/$1;"; }
dav='dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS; create_full_put_path off; dav_access user:rw; client_max_body_size 0;'
cat > nginx.conf <<EOF
$(module ngx_http_dav_ext_module.so)
worker_processes 1;
daemon off;
pid $folder/nginx.pid;
error_log $folder/log warn;
$([ "$(id -u)" = 0 ] && echo 'user root;')
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $folder/tmp/body;
    proxy_temp_path $folder/tmp/proxy;
    fastcgi_temp_path $folder/tmp/fastcgi;
    uwsgi_temp_path $folder/tmp/uwsgi;
    scgi_temp_path $folder/tmp/scgi;
    keepalive_requests 10000;
    server {
        listen 127.0.0.1:$port;
        root $folder/data;
        location / { $dav }
    }
    server {
        listen 127.0.0.1:$tls ssl;
        ssl_certificate $folder/server.pem;
        ssl_certificate_key $folder/server.key;
        ssl_client_certificate $folder/ca.pem;
        ssl_verify_client optional;
        root $folder/data;
        location / { $dav }
        location /token/ { if (\$http_authorization != "Bearer $(cat token)") { return 401; } $dav }
        location /certificate/ { if (\$ssl_client_verify != SUCCESS) { return 403; } $dav }
        location /basic/ { auth_basic "test"; auth_basic_user_file $folder/htpasswd; $dav }
    }
}
EOF
nginx -p "$folder" -c "$folder/nginx.conf" > out 2>&1 < /dev/null &
echo $! > pid
wait_for "$folder" "$tls" || { cat out >&2; exit 1; }
cat > env <<EOF
SBI_TEST_DAV=http://127.0.0.1:$port
SBI_TEST_DAVS=https://127.0.0.1:$tls
SBI_TEST_NGINX=$folder
EOF
