#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a kubelet, for machines that do not allow containers, and for tests of many pods. It says so in the node's labels.

It registers a node with the real API server, watches the pods that the real scheduler binds to it, runs the command of their first container as
a process (no container: the image is ignored, the host's files are seen), and writes their statuses as a kubelet would: start and end, exit code,
OOMKilled when the process outgrows its memory limit, deletion with a grace period. It serves logs to the API server.
Environment: values, fieldRef to metadata, secretKeyRef, secretRef. Volumes: secret, hostPath and emptyDir, whose mount paths are replaced in command and environment.

Usage: agent.py CLUSTERFOLDER NODE [--instant SECONDS] [--slots N]
--instant: nothing is run; a pod succeeds after so many seconds (thousands of pods on one machine)."""

import argparse
import base64
import datetime
import http.client
import http.server
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse


def stamp(micro=False):
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


class Api:
    """The API server, one connection a thread."""

    def __init__(self, kubeconfig):
        config = json.loads(pathlib.Path(kubeconfig).read_text())
        self.server = urllib.parse.urlsplit(config["clusters"][0]["cluster"]["server"])
        self.token = config["users"][0]["user"]["token"]
        self.context = ssl.create_default_context(cafile=config["clusters"][0]["cluster"]["certificate-authority"])
        self.local = threading.local()

    def connect(self, timeout=30):
        return http.client.HTTPSConnection(self.server.hostname, self.server.port, context=self.context, timeout=timeout)

    def headers(self, content):
        return {"Authorization": f"Bearer {self.token}", "Content-Type": content, "Accept": "application/json"}

    def call(self, method, path, body=None, content="application/json"):
        for attempt in range(20):
            try:
                if not getattr(self.local, "connection", None):
                    self.local.connection = self.connect()
                self.local.connection.request(method, path, None if body is None else json.dumps(body), self.headers(content))
                answer = self.local.connection.getresponse()
                data = answer.read()
                if answer.status in (429, 500, 503):
                    time.sleep(0.2 + 0.2 * attempt)
                    continue
                return answer.status, json.loads(data or b"null")
            except (OSError, http.client.HTTPException, ValueError):
                self.local.connection = None
                time.sleep(0.2 + 0.2 * attempt)
        return 0, None

    def watch(self, path):
        """Events of a watch, until it ends."""
        connection = self.connect(timeout=90)
        connection.request("GET", path, headers=self.headers("application/json"))
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(f"watch: {answer.status}")
        for line in answer:
            yield json.loads(line)


class Pod(threading.Thread):
    def __init__(self, agent, pod):
        super().__init__(daemon=True)
        self.agent, self.pod = agent, pod
        self.meta, self.container = pod["metadata"], pod["spec"]["containers"][0]
        self.path = f"/api/v1/namespaces/{self.meta['namespace']}/pods/{self.meta['name']}"
        self.folder = agent.folder / self.meta["uid"]
        self.deleted = threading.Event()
        self.grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
        self.process, self.started = None, None

    def tell(self, phase, state, **more):
        ready = "True" if phase == "Running" else "False"
        conditions = [{"type": t, "status": s, "lastTransitionTime": stamp()} for t, s in
                      (("PodScheduled", "True"), ("Initialized", "True"), ("Ready", ready), ("ContainersReady", ready))]
        status = {"phase": phase, "hostIP": self.agent.address, "podIP": self.agent.address, "startTime": self.started, "conditions": conditions,
                  "containerStatuses": [{"name": self.container["name"], "image": self.container["image"], "imageID": "", "restartCount": 0,
                                         "ready": phase == "Running", "started": phase == "Running", "state": state}], **more}
        # An end is final, whoever wrote it: an earlier agent, or a controller that took the node for lost.
        # It is told until somebody has heard it: a server that is overloaded or away answers later.
        while True:
            code, now = self.agent.api.call("GET", self.path)
            if code == 404 or code == 200 and (now["metadata"]["uid"] != self.meta["uid"] or now["status"].get("phase") in ("Succeeded", "Failed")):
                return
            if code != 200:
                time.sleep(0.5)
                continue
            # A list is replaced as a whole: why the pod was disrupted is to stay.
            status["conditions"] = conditions + [c for c in now["status"].get("conditions", []) if c["type"] == "DisruptionTarget"]
            code, _ = self.agent.api.call("PATCH", self.path + "/status", {"metadata": {"resourceVersion": now["metadata"]["resourceVersion"]}, "status": status},
                                          "application/merge-patch+json")
            if code in (200, 404, 422):
                return

    def environment(self, places):
        out = {"PATH": os.environ["PATH"], "HOSTNAME": self.meta["name"]}
        for source in self.container.get("envFrom", []):
            if "secretRef" in source:
                out.update({k: v.decode() for k, v in self.secret(source["secretRef"]["name"]).items()})
        for e in self.container.get("env", []):
            source = e.get("valueFrom") or {}
            if "fieldRef" in source:
                out[e["name"]] = self.field(source["fieldRef"]["fieldPath"])
            elif "secretKeyRef" in source:
                out[e["name"]] = self.secret(source["secretKeyRef"]["name"]).get(source["secretKeyRef"]["key"], b"").decode()
            else:
                out[e["name"]] = replaced(e.get("value", ""), places)
        return out

    def field(self, path):
        kind, _, key = path.partition("['")
        if key:
            return self.meta.get(kind.split(".")[1], {}).get(key[:-2], "")
        return {"metadata.name": self.meta["name"], "metadata.namespace": self.meta["namespace"], "metadata.uid": self.meta["uid"],
                "spec.nodeName": self.agent.node, "status.podIP": self.agent.address, "status.hostIP": self.agent.address}.get(path, "")

    def secret(self, name):
        _, secret = self.agent.api.call("GET", f"/api/v1/namespaces/{self.meta['namespace']}/secrets/{name}")
        return {k: base64.b64decode(v) for k, v in ((secret or {}).get("data") or {}).items()}

    def volumes(self):
        """Where the mount paths of this pod really are."""
        places = {}
        for v in self.pod["spec"].get("volumes", []):
            place = pathlib.Path(v["hostPath"]["path"]) if "hostPath" in v else self.folder / "volumes" / v["name"]
            place.mkdir(parents=True, exist_ok=True)
            if "secret" in v:
                for key, value in self.secret(v["secret"]["secretName"]).items():
                    with open(os.open(place / key, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as f:
                        f.write(value)
            for m in self.container.get("volumeMounts", []):
                if m["name"] == v["name"]:
                    places[m["mountPath"]] = str(place)
        return places

    def run(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.started = stamp()
        if self.agent.instant is not None:
            self.tell("Running", {"running": {"startedAt": self.started}})
            if not self.deleted.wait(self.agent.instant):
                return self.ended(0, "Completed")
            return self.gone()
        places = self.volumes()
        command = [replaced(c, places) for c in (self.container.get("command") or ["sbi-worker"]) + (self.container.get("args") or [])]
        environment = self.environment(places)
        command = [expanded(c, environment) for c in command]
        try:
            with open(self.folder / "log", "wb") as log:
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                                cwd=self.folder, start_new_session=True)
        except OSError as e:
            (self.folder / "log").write_text(f"{e}\n")
            return self.ended(128, "StartError")
        self.tell("Running", {"running": {"startedAt": self.started}})
        self.ended(*self.wait())

    def wait(self):
        limit, told = memory_of(self.container), None
        while self.process.poll() is None:
            if limit and resident(self.process.pid) > limit:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                return 137, "OOMKilled"
            if self.deleted.is_set():
                if told is None:
                    told = time.monotonic()
                    os.killpg(self.process.pid, signal.SIGTERM)
                elif time.monotonic() > told + self.grace:
                    os.killpg(self.process.pid, signal.SIGKILL)
            time.sleep(0.05)
        code = self.process.returncode
        return (128 - code if code < 0 else code), ("Completed" if code == 0 else "Error")

    def ended(self, code, reason):
        tail = b""
        if code and (self.folder / "log").exists():
            tail = (self.folder / "log").read_bytes()[-2048:]
        self.tell("Succeeded" if code == 0 else "Failed",
                  {"terminated": {"exitCode": code, "reason": reason, "startedAt": self.started, "finishedAt": stamp(),
                                  "message": tail.decode(errors="replace")}})
        if self.deleted.is_set():
            self.gone()
        else:
            self.agent.waiting_for_deletion[self.meta["uid"]] = self

    def gone(self):
        self.agent.api.call("DELETE", self.path, {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0,
                                                  "preconditions": {"uid": self.meta["uid"]}})


def replaced(text, places):
    if text not in places and os.path.exists(text):  # a program or folder of this machine, even below a path that is a mount in the pod
        return text
    for mount, place in sorted(places.items(), key=lambda p: -len(p[0])):  # the innermost mount
        if text == mount or text.startswith(mount + "/"):
            return place + text[len(mount):]
    return text


def expanded(text, environment):
    """$(NAME), as Kubernetes expands it in a command."""
    for name, value in environment.items():
        text = text.replace(f"$({name})", value)
    return text


def memory_of(container):
    text = ((container.get("resources") or {}).get("limits") or {}).get("memory", "")
    for unit, factor in (("Ki", 2**10), ("Mi", 2**20), ("Gi", 2**30), ("Ti", 2**40), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("", 1)):
        if text and text.endswith(unit):
            return int(float(text[:len(text) - len(unit)]) * factor)
    return 0


def resident(pid):
    try:
        return int(open(f"/proc/{pid}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class Agent:
    def __init__(self, a):
        self.folder = pathlib.Path(a.folder).resolve() / f"agent-{a.node}"
        self.folder.mkdir(exist_ok=True)
        self.api = Api(pathlib.Path(a.folder) / "kubeconfig")
        self.node, self.instant, self.slots = a.node, a.instant, a.slots
        self.address = self.api.server.hostname
        self.pods, self.waiting_for_deletion = {}, {}

    def register(self, port):
        capacity = {"cpu": str(os.cpu_count() if self.instant is None else 100000), "memory": "20Gi" if self.instant is None else "100Ti",
                    "pods": str(self.slots), "ephemeral-storage": "100Gi"}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.node, "labels": {"kubernetes.io/hostname": self.node,
                                                                                           "libsbi.test/stand-in": "agent"}}}
        self.api.call("POST", "/api/v1/nodes", node)
        self.api.call("PATCH", f"/api/v1/nodes/{self.node}/status", {"status": {
            "capacity": capacity, "allocatable": capacity, "addresses": [{"type": "InternalIP", "address": self.address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}, "conditions": self.ready()}}, "application/merge-patch+json")

    @staticmethod
    def ready():
        return [{"type": "Ready", "status": "True", "reason": "Agent", "message": "stand-in", "lastHeartbeatTime": stamp(), "lastTransitionTime": stamp()}]

    def renew(self):
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": self.node, "namespace": "kube-node-lease"},
                 "spec": {"holderIdentity": self.node, "leaseDurationSeconds": 40, "renewTime": stamp(micro=True)}}
        base = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        while True:
            status, _ = self.api.call("PATCH", f"{base}/{self.node}", {"spec": {**lease["spec"], "renewTime": stamp(micro=True)}},
                                      "application/merge-patch+json")
            if status == 404:
                self.api.call("POST", base, lease)
            # A controller that heard nothing for a while, since the API server was away, has said that it is not ready.
            self.api.call("PATCH", f"/api/v1/nodes/{self.node}/status", {"status": {"conditions": self.ready()}}, "application/merge-patch+json")
            time.sleep(10)

    def serve_logs(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={self.node}", "-keyout",
                        self.folder / "key.pem", "-out", self.folder / "cert.pem"], check=True, stderr=subprocess.DEVNULL)
        agent = self

        class Logs(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path).path.split("/")
                pod = next((p for p in agent.pods.values() if len(parts) > 4 and p.meta["name"] == parts[3] and
                            p.meta["namespace"] == parts[2]), None)
                data = (pod.folder / "log").read_bytes() if pod and (pod.folder / "log").exists() else b""
                self.send_response(200 if pod else 404)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer((self.address, 0), Logs)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_address[1]

    def see(self, pod):
        uid = pod["metadata"]["uid"]
        known = self.pods.get(uid)
        if known is None:
            if pod["status"].get("phase") in ("Succeeded", "Failed"):
                return
            known = self.pods[uid] = Pod(self, pod)
            known.start()
        if pod["metadata"].get("deletionTimestamp") and not known.deleted.is_set():
            known.grace = pod["metadata"].get("deletionGracePeriodSeconds", known.grace)
            known.deleted.set()
            if self.waiting_for_deletion.pop(uid, None):
                known.gone()

    def follow(self):
        base = f"/api/v1/pods?fieldSelector=spec.nodeName%3D{self.node}"
        while True:
            try:
                status, pods = self.api.call("GET", base)
                if status != 200:
                    raise OSError(status)
                for pod in pods["items"]:
                    self.see(pod)
                version = pods["metadata"]["resourceVersion"]
                for event in self.api.watch(f"{base}&watch=true&allowWatchBookmarks=true&timeoutSeconds=60&resourceVersion={version}"):
                    if event["type"] in ("ADDED", "MODIFIED"):
                        self.see(event["object"])
                    elif event["type"] == "ERROR":
                        break
            except (OSError, ValueError, KeyError, http.client.HTTPException) as e:
                print(f"agent: {e}", file=sys.stderr, flush=True)
                time.sleep(0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("node")
    parser.add_argument("--instant", type=float)
    parser.add_argument("--slots", type=int, default=110)
    agent = Agent(parser.parse_args())

    def end(*_):
        for pod in list(agent.pods.values()):
            if pod.process and pod.process.poll() is None:
                os.killpg(pod.process.pid, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    agent.register(agent.serve_logs())
    threading.Thread(target=agent.renew, daemon=True).start()
    agent.follow()


if __name__ == "__main__":
    main()
