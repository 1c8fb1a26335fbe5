#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A proxy of HTTP's troubles before real servers: it passes requests on, and answers on, byte for byte, until one is armed to go wrong.

Used by tests/cluster/faults.py in its own process: Route listens on a port and passes on to one server; route.arm(trouble) makes the next request that the
trouble can hit go wrong, once. route.hits counts what went wrong by its name.

busy       429 with Retry-After, not passed on; the requests after it as well, up to `times` of them
error      500 or 503, in the same way
truncated  an answer ends in its middle, though its header says how long it is; of a watch: the stream breaks off within a line
corrupted  one bit of an answer's body is another
slow       the answer trickles, or stalls after its header, for some seconds; then the connection ends
duplicate  what creates something is carried out, and the answer is lost: the connection breaks, or 500"""

import random
import socket
import ssl
import struct
import threading
import time

HEAD_LARGEST = 1 << 16


class Closed(Exception):
    pass


class Stream:
    """A socket with a buffer."""

    def __init__(self, connection):
        self.socket, self.buffer = connection, b""

    def more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise Closed
        self.buffer += data

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > HEAD_LARGEST:
                raise Closed
            self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        return head + b"\r\n\r\n"

    def take(self, size):
        while len(self.buffer) < size:
            self.more()
        out, self.buffer = self.buffer[:size], self.buffer[size:]
        return out

    def line(self):
        while b"\r\n" not in self.buffer:
            self.more()
        out, self.buffer = self.buffer.split(b"\r\n", 1)
        return out + b"\r\n"

    def close(self):
        try:
            self.socket.close()
        except OSError:
            pass

    def reset(self):
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.close()


def header(head, name):
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().decode()
    return None


class Route:
    """listen, server: (address, port). certificate: (certificate, key), to speak TLS with clients; ca: a file, to speak TLS with the server. creates(method,
    target, head): whether a request makes something that cannot be made twice."""

    def __init__(self, listen, server, creates, certificate=None, ca=None, seed=0):
        self.server, self.creates = server, creates
        self.inside = self.outside = None
        if certificate:
            self.inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.inside.load_cert_chain(*certificate)
        if ca:
            self.outside = ssl.create_default_context(cafile=ca)
        self.chance, self.lock = random.Random(seed), threading.Lock()
        self.armed, self.hits = [], {}
        self.listener = socket.create_server(listen)
        self.address = self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self, trouble, times=1):
        with self.lock:
            self.armed.append([trouble, times, False])

    def disarm(self):
        with self.lock:
            self.armed = []

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    # ---- which trouble ----

    def draw(self, possible):
        """The first armed trouble that can hit here. What is armed more than once counts when it hits first."""
        with self.lock:
            for entry in self.armed:
                if not possible(entry[0]):
                    continue
                entry[1] -= 1
                if entry[1] <= 0:
                    self.armed.remove(entry)
                if not entry[2]:
                    entry[2] = True
                    self.hits[entry[0]] = self.hits.get(entry[0], 0) + 1
                return entry[0], self.chance.random()
        return None, 0.0

    # ---- one connection of a client ----

    def serve(self, connection):
        client, server = None, None
        try:
            connection.settimeout(420)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.inside:
                connection = self.inside.wrap_socket(connection, server_side=True)
            client = Stream(connection)
            while True:
                head = client.head()
                if not server:
                    server = self.connect()
                if not self.exchange(client, server, head):
                    return
        except (Closed, OSError, ValueError):
            pass
        finally:
            for end in (client, server):
                if end:
                    end.close()
            connection.close()

    def connect(self):
        connection = socket.create_connection(self.server, timeout=20)
        connection.settimeout(420)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.outside:
            connection = self.outside.wrap_socket(connection, server_hostname=self.server[0])
        return Stream(connection)

    def exchange(self, client, server, head):
        """Whether the connection goes on."""
        method, target = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")[:2]
        if (header(head, b"expect") or "").lower() == "100-continue":
            client.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:"))
        body = client.take(int(header(head, b"content-length") or 0))
        creates = self.creates(method, target, head)
        trouble, how = self.draw(lambda t: t in ("busy", "error") or (t == "duplicate" and creates))
        if trouble in ("busy", "error"):
            self.refuse(client, method, trouble, how)
            return True
        server.socket.sendall(head + body)
        answer = server.head()
        while answer.split(b" ", 2)[1] == b"100":
            answer = server.head()
        if trouble == "duplicate":
            if how < 0.5:
                self.refuse(client, method, "error", how)
            else:
                client.reset()
            return False
        return self.relay(client, server, method, answer)

    def refuse(self, client, method, trouble, how):
        status = b"429 Too Many Requests\r\nRetry-After: 1" if trouble == "busy" else b"500 Internal Server Error" if how < 0.5 else b"503 Service Unavailable"
        body = b"" if method == "HEAD" else b"trouble\n"
        client.socket.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(b"trouble\n") + body)

    # ---- answers ----

    def relay(self, client, server, method, answer):
        code, length = int(answer.split(b" ", 2)[1]), header(answer, b"content-length")
        chunked = "chunked" in (header(answer, b"transfer-encoding") or "").lower()
        if method == "HEAD" or code in (204, 304) or (length == "0" and not chunked):
            client.socket.sendall(answer)
            return True
        if chunked:
            return self.relay_chunks(client, server, answer, code, method)
        body = server.take(int(length or 0))
        good = 200 <= code < 300 and method == "GET" and len(body) > 1
        trouble, how = self.draw(lambda t: t == "slow" or (good and t in ("truncated", "corrupted")))
        if trouble == "slow":
            return self.dawdle(client, answer + body, len(answer), how)
        if trouble == "truncated":
            client.socket.sendall(answer + body[:int(how * len(body))])
            return False
        if trouble == "corrupted":
            at = int(how * len(body))
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
        client.socket.sendall(answer + body)
        return True

    def relay_chunks(self, client, server, answer, code, method):
        """A list, or a watch, which may go on for minutes: each chunk at once."""
        client.socket.sendall(answer)
        good = 200 <= code < 300 and method == "GET"
        while True:
            line = server.line()
            size = int(line.split(b";")[0], 16)
            chunk = server.take(size + 2)
            trouble, how = self.draw(lambda t: good and size > 1 and t in ("truncated", "slow"))
            if trouble == "truncated":
                client.socket.sendall(line + chunk[:int(how * size)])
                return False
            if trouble == "slow":
                return self.dawdle(client, line + chunk, len(line), how)
            client.socket.sendall(line + chunk)
            if not size:
                return True

    def dawdle(self, client, data, at, how):
        """For 3 to 9 seconds: a byte now and then, or nothing behind the first ones."""
        end = time.monotonic() + 3 + 6 * how
        client.socket.sendall(data[:at])
        while time.monotonic() < end:
            if how < 0.5 and at + 1 < len(data):
                client.socket.sendall(data[at:at + 1])
                at += 1
            time.sleep(0.25)
        return False
