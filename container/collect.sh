#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Puts into FOLDER what a container of sbi-worker needs and nothing else: the program, the libraries that it and the plugins load, certificates
# of authorities, the names of two users. Both the Containerfile and make_image.py take their files from here.
# Usage: collect.sh BUILD FOLDER [PLUGIN...]     BUILD: where sbi-worker, libsbi.so and the plugins were built
set -euo pipefail
build=$(realpath "$1") root=$2
shift 2
plugins=("$@")
if [ ${#plugins[@]} = 0 ]; then mapfile -t plugins < <(find "$build" -maxdepth 1 -name 'libsbi-grid.so.*' | sort); fi

rm -rf "$root"
mkdir -p "$root"/{usr/bin,usr/lib,etc/ssl/certs,tmp,work,proc,sys,dev}
chmod 1777 "$root/tmp" "$root/work"
ln -s usr/bin "$root/bin"
ln -s usr/lib "$root/lib"
ln -s usr/lib "$root/lib64"

# The library that was linked, under the name that programs ask for.
soname() { objdump -p "$1" | awk '$1 == "SONAME" { print $2 }'; }
copy_library() {
    local name
    name=$(soname "$1")
    [ -e "$root/usr/lib/${name:-${1##*/}}" ] || install -m 755 "$(realpath "$1")" "$root/usr/lib/${name:-${1##*/}}"
}

worker=$build/bin/sbi-worker
install -m 755 "$worker" "$root/usr/bin/sbi-worker"
copy_library "$(find "$build" -maxdepth 1 -name 'libsbi.so.*.*' | head -n 1)"
for p in "${plugins[@]}"; do install -m 755 "$(realpath "$p")" "$root/usr/lib/$(basename "$p")"; done
# Everything that the loader would open, the loader itself too.
for f in "$worker" "${plugins[@]}"; do
    LD_LIBRARY_PATH=$build ldd "$f" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }'
done | sort -u | grep -v "^$build/" | while read -r library; do copy_library "$library"; done
if LD_LIBRARY_PATH=$build ldd "$worker" "${plugins[@]}" | grep -q 'not found'; then
    echo "collect: a library is missing:"; LD_LIBRARY_PATH=$build ldd "$worker" "${plugins[@]}" | grep 'not found'; exit 1
fi

[ ! -e /etc/ssl/certs/ca-certificates.crt ] || install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0:root:/root:/usr/sbin/nologin\nsbi:x:1000:1000:sbi:/work:/usr/sbin/nologin\n' > "$root/etc/passwd"
printf 'root:x:0:\nsbi:x:1000:\n' > "$root/etc/group"
printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"
