#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server of HTTP's troubles, on two ports of loopback. Usage: server.py PORT OTHER_PORT

The path says what happens: /TROUBLE/TIMES/KEY; TIMES requests for a KEY meet the trouble, later ones are served. What is served is CONTENT, with ranges;
/echo answers the request's headers, /count/KEY how often KEY was asked for."""

import http.server
import json
import socket
import struct
import sys
import threading
import time

CONTENT = bytes((i * 7 + i // 251) % 256 for i in range(200000))
PORT, OTHER = int(sys.argv[1]), int(sys.argv[2])
seen, lock = {}, threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *arguments):
        pass

    def reply(self, code, body=b"", headers=()):
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def serve(self, cut=None, damage=False, etag='"v1"'):
        """The content, or the range of it; the first `cut` bytes of the answer, and then the connection ends."""
        body, code, headers = CONTENT, 200, [("ETag", etag)]
        wanted = self.headers.get("Range")
        if wanted:
            if self.headers.get("If-Match", etag) != etag:
                return self.reply(412)
            first, last = wanted.removeprefix("bytes=").split("-")
            first, last = int(first), min(int(last or len(CONTENT) - 1), len(CONTENT) - 1)
            if first >= len(CONTENT):
                return self.reply(416)
            body, code = CONTENT[first:last + 1], 206
            headers.append(("Content-Range", f"bytes {first}-{last}/{len(CONTENT)}"))
        if damage:
            body = body[:1000] + bytes([body[1000] ^ 1]) + body[1001:]
        if cut is None:
            return self.reply(code, body, headers)
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])
        self.wfile.flush()
        self.close_connection = True

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        trouble, times, key = (self.path.split("?")[0].strip("/").split("/") + ["0", ""])[:3]
        if trouble == "echo":
            answer = {name.lower(): value for name, value in self.headers.items()}
            answer["method"], answer["body"] = self.command, body.decode("latin-1")
            return self.reply(200, json.dumps(answer).encode())
        if trouble == "count":
            return self.reply(200, str(seen.get(times, 0)).encode())
        with lock:
            seen[key] = number = seen.get(key, 0) + 1
        troubled = number <= int(times)
        if trouble in ("redirect-other", "redirect-same", "redirect-loop", "redirect-file"):
            to = {"redirect-other": f"http://localhost:{OTHER}/echo", "redirect-same": "/echo", "redirect-loop": self.path,
                  "redirect-file": "file:///etc/passwd"}[trouble]
            return self.reply(307, b"", [("Location", to)])
        if not troubled:
            return self.serve() if self.command in ("GET", "HEAD") else self.reply(200, body)
        if trouble == "clock":  # of a server whose day is another one
            self.send_response_only(403)
            self.send_header("Date", self.date_time_string(time.time() - 86400))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if trouble.isdigit():
            return self.reply(int(trouble), b"trouble", [("Retry-After", "1")] if trouble == "429" else [])
        if trouble == "later":
            return self.reply(503, b"come back tomorrow", [("Retry-After", "86400")])
        if trouble == "truncate":
            return self.serve(cut=70000)
        if trouble == "damage":
            return self.serve(damage=True)
        if trouble == "reset":
            return self.reset()
        if trouble == "lost":  # the request was acted upon, and the answer is lost
            return self.reset()
        if trouble == "changed":
            return self.serve(cut=70000, etag='"v0"')
        if trouble == "wrong-range":
            return self.reply(206, CONTENT[5:10], [("Content-Range", f"bytes 5-9/{len(CONTENT)}")])
        if trouble == "longer":  # says less than it sends
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(CONTENT[:5000])
            self.close_connection = True
            return None
        if trouble == "huge":
            return self.reply(200, b"x" * 300000)
        if trouble == "headers":
            return self.reply(200, b"", [(f"X-{i}", "y" * 1000) for i in range(90)])
        if trouble == "garbage":
            self.wfile.write(b"\x00\x01\x02 this is no HTTP\r\n\r\n")
            self.close_connection = True
            return None
        if trouble == "hang":
            time.sleep(20)
            self.close_connection = True
            return None
        if trouble in ("slow", "slow-headers"):
            if trouble == "slow":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
            try:
                for _ in range(80):
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.25)
            except OSError:
                pass
            self.close_connection = True
            return None
        if trouble == "lines":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b'{"n": 1}\n{"n"', b': 2}\r\n', b'\n{"n": 3}\n'):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()
                time.sleep(0.05)
            if key.endswith("silent"):
                time.sleep(20)
            self.wfile.write(b"0\r\n\r\n")
            return None
        return self.reply(404)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.handle_one
        raise AttributeError(name)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


servers = [Server(("127.0.0.1", p), Handler) for p in (PORT, OTHER)]
threading.Thread(target=servers[0].serve_forever, daemon=True).start()
servers[1].serve_forever()
