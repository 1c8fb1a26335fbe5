#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The stand-in of a PanDA server, of its pilots and of an OIDC provider; by a second port with TLS, which requires a client certificate. proxy.pem is an X.509
# proxy (RFC 3820), certificate, key, and the certificate of its user. Usage: start.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
port=$(free_port)
tls=$(free_port)
cd "$folder"
certificate() { # NAME SUBJECT ISSUER EXTENSION
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" -keyout "$1.key" -out "$1.csr" 2> /dev/null
    printf '%s\n' "$4" > "$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.pem" 2> /dev/null
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=sbi-test-ca -keyout ca.key -out ca.pem 2> /dev/null
certificate server /CN=localhost ca 'subjectAltName=DNS:localhost,IP:127.0.0.1'
certificate user '/DC=test/CN=Jane Doe' ca 'basicConstraints=CA:FALSE'
certificate proxy '/DC=test/CN=Jane Doe/CN=1234567' user 'proxyCertInfo=critical,language:id-ppl-inheritAll'
cat proxy.pem proxy.key user.pem > proxy.all && mv proxy.all proxy.pem
chmod 600 ./*.key proxy.pem
python3 "$here/server.py" "$port" "$folder" "$tls" > "$folder/log" 2>&1 < /dev/null &
echo $! > "$folder/pid"
wait_for "$folder" "$port"
wait_for "$folder" "$tls"
cat > env <<EOF
SBI_TEST_PANDA=http://127.0.0.1:$port
SBI_TEST_PANDA_TLS=https://127.0.0.1:$tls
SBI_TEST_PANDA_CERTIFICATES=$folder
EOF
