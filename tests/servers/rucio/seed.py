# SPDX-License-Identifier: Apache-2.0
"""Fills a new Rucio server: scope test, storage elements DAV1 and DAV2. Usage: seed.py URL USER_FILE HTTP_PORT HTTPS_PORT"""
import json
import sys
import urllib.request

url, user_file, http_port, https_port = sys.argv[1:]
user, password = open(user_file).read().split(":", 1)


def call(path, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, headers or {"X-Rucio-Auth-Token": token, "Content-Type": "application/json"})
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)


token = call("/auth/userpass", headers={"X-Rucio-Account": "root", "X-Rucio-Username": user, "X-Rucio-Password": password,
                                        "X-Rucio-AppID": "test"}).headers["X-Rucio-Auth-Token"]
call("/scopes/root/test", {})
for number in 1, 2:
    rse = f"DAV{number}"
    call(f"/rses/{rse}", {"deterministic": True, "volatile": False})
    for scheme, port in ("http", http_port), ("https", https_port):
        rights = {"read": 1, "write": 1, "delete": 1}
        call(f"/rses/{rse}/protocols/{scheme}", {"hostname": "127.0.0.1", "port": int(port), "prefix": f"/dav{number}/",
                                                 "impl": "rucio.rse.protocols.webdav.NoRename", "extended_attributes": None,
                                                 "domains": {"wan": rights, "lan": rights}})
    call(f"/accounts/root/limits/local/{rse}", {"bytes": -1})
