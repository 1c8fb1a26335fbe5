#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs campaigns over the executor "kubernetes" while faults are injected, seeded and bounded, and holds their results against what they must be.

Usage: faults.py BUILD [--faults N] [--seed S] [--tasks N], inside a cluster of tests/servers/kubernetes/with_cluster.sh --node agent.
One round is a campaign of so many tasks; rounds follow until so many faults were injected. Every other round has its store in an S3 server, the others in a
folder. Clients reach the API server, and clients and workers the S3 server, through proxies (tests/servers/faulty/proxy.py) that make requests go wrong.

In the end each result is there once and has its bytes, whatever the number of attempts; no commit record was ever replaced; and of 100 faults or more each kind
was injected."""

import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "servers" / "kubernetes"), str(HERE.parent / "servers" / "faulty")]
sys.dont_write_bytecode = True
import cluster  # noqa: E402
import proxy  # noqa: E402

PODS = "/api/v1/namespaces/default/pods"
NODE = "/api/v1/nodes/node1"
NODE_AWAY_MOST = 120
FAULTS_A_ROUND = 50
# How often each kind comes among the others. Those that cost the cluster seconds are rarer.
KINDS = {"client killed": 3, "worker killed": 6, "pod deleted": 4, "pod evicted": 4, "API server restarted": 1, "etcd frozen": 2, "node restarted": 1,
         "node gone": 1, "result damaged": 3, "busy": 4, "error": 4, "truncated": 4, "corrupted": 4, "slow": 4, "duplicate": 4, "disk full": 4,
         "clock jump": 4}
OF_PROXY = ("busy", "error", "truncated", "corrupted", "slow", "duplicate")


class Setup:
    """What lasts for all rounds: the S3 server, the proxies, certificates."""

    def __init__(self, a):
        self.a, self.folder, self.mounts = a, pathlib.Path(a.scratch), []
        self.cluster = cluster.Cluster(os.environ["SBI_CLUSTER"])
        self.clock = f"{a.build}/tests/cluster/shifted_clock.so"
        self.mount(self.folder / "s3" / "data", 128)
        subprocess.run([HERE.parent / "servers" / "s3" / "start.sh", self.folder / "s3"], check=True)
        self.s3 = dict(line.split("=", 1) for line in (self.folder / "s3" / "env").read_text().split())
        self.cluster.secret("s3-credentials", self.s3["SBI_TEST_S3_CREDENTIALS"])
        address = self.s3["AWS_ENDPOINT_URL"].rsplit("/", 1)[1].split(":")
        self.to_store = proxy.Route(("127.0.0.1", 0), (address[0], int(address[1])), lambda method, target, head: method == "PUT" and
                                    proxy.header(head, b"if-none-match") is not None, seed=f"{a.seed}-store")
        self.to_api = proxy.Route((cluster.ADDRESS, 0), (cluster.ADDRESS, cluster.PORT), lambda method, target, head: method == "POST" and "/jobs" in target,
                                  self.make_certificate(), str(self.cluster.path("pki/apiserver.crt")), seed=f"{a.seed}-api")
        config = json.loads(self.cluster.path("user.kubeconfig").read_text())
        config["clusters"][0]["cluster"] = {"server": "https://{}:{}".format(*self.to_api.address), "certificate-authority": str(self.folder / "proxy.crt")}
        cluster.private(self.folder / "kubeconfig", json.dumps(config))

    def mount(self, path, megabytes):
        path.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", path], check=True)
        self.mounts.append(path)

    def unmount(self, path):
        subprocess.run(["umount", "-l", path], check=False)
        self.mounts.remove(path)

    def make_certificate(self):
        """As old as no clock jumps back."""
        (self.folder / "old").write_bytes(struct.pack("q", -30 * 86400))
        pair = self.folder / "proxy.crt", self.folder / "proxy.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "400", "-subj", "/CN=proxy", "-addext",
                        f"subjectAltName=IP:{cluster.ADDRESS}", "-out", pair[0], "-keyout", pair[1]], check=True, stderr=subprocess.DEVNULL,
                       env={**os.environ, "LD_PRELOAD": self.clock, "SBI_TEST_CLOCK": str(self.folder / "old")})
        return pair

    def close(self):
        self.to_api.close()
        self.to_store.close()
        subprocess.run([HERE.parent / "servers" / "stop.sh", self.folder / "s3"], check=False)
        for path in list(self.mounts):
            self.unmount(path)


class Round:
    def __init__(self, setup, chance, number):
        self.setup, self.a, self.chance = setup, setup.a, chance
        self.cluster = cluster.Cluster(os.environ["SBI_CLUSTER"])
        self.folder = setup.folder / f"round-{number}"
        self.in_s3 = number % 2 == 0
        self.own_mounts = [self.folder / "client", self.folder / "scratch"]
        if self.in_s3:
            self.url = f"{setup.s3['SBI_TEST_S3']}/round-{number}"
            self.store = setup.folder / "s3" / "data" / self.url.removeprefix("s3://")
            self.disk = setup.folder / "s3" / "data"
        else:
            self.store = self.disk = self.folder / "store"
            self.url = str(self.store)
            self.own_mounts.append(self.store)
        for path in self.own_mounts:
            setup.mount(path, 32)
        self.clocks = [self.folder / "client-clock", self.folder / "worker-clock"]
        for path in self.clocks:
            path.write_bytes(bytes(8))
        self.client = self.away = None
        self.to_mend = []
        self.damaged, self.committed, self.looked = set(), {}, 0.0
        self.counts = dict.fromkeys(KINDS, 0)

    def configuration(self):
        """Less patient than by default, so that a server that is slow is left within a round."""
        patience = {"timeout_ms": 2500, "slow_s": 2, "backoff_ms": 50}
        environment = {"TMPDIR": str(self.folder / "scratch"), "LD_PRELOAD": self.setup.clock, "SBI_TEST_CLOCK": str(self.clocks[1]),
                       "SBI_PLUGIN_PATH": self.a.build}
        config = {"store": self.url, "image": "libsbi.test/sbi-worker:1", "cpus": 0.01, "memory": 67108864, "grace_s": 5, "heartbeat_s": 1, "batch": 25,
                  "environment": environment, "command": [f"{self.a.build}/tests/workers/conformance_worker"], "kubeconfig": str(self.setup.folder / "kubeconfig"),
                  **patience}
        if not self.in_s3:
            return config, {}
        endpoint = {"endpoint": "http://{}:{}".format(*self.setup.to_store.address), **patience}
        store = {**endpoint, "credentials_file": self.setup.s3["SBI_TEST_S3_CREDENTIALS"]}
        return {**config, "store_config": store, "pod_store_config": endpoint, "secret": "s3-credentials"}, store

    def start_client(self):
        config, store = self.configuration()
        with open(self.folder / "client.log", "ab") as log:
            self.client = subprocess.Popen([f"{self.a.build}/tests/cluster/campaign_kubernetes", self.folder / "client" / "campaign", self.url,
                                            str(self.a.tasks), self.folder / "results", json.dumps(config), json.dumps(store) if store else ""],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env={**os.environ, "LD_PRELOAD": self.setup.clock, "SBI_TEST_CLOCK": str(self.clocks[0])})

    # ---- faults: each returns whether there was something to hurt ----

    def kill_client(self):
        self.client.kill()
        self.client.wait()
        self.start_client()
        return True

    def pick_pod(self):
        pods = self.cluster.request("GET", PODS + "?fieldSelector=status.phase%3DRunning")["items"]
        return self.chance.choice(pods)["metadata"]["name"] if pods else None

    def workers(self):
        """Processes that the agent started for pods: their parent is the agent."""
        agent = self.cluster.state["processes"].get("agent")
        for entry in pathlib.Path("/proc").iterdir():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split() if entry.name.isdigit() else None
                if agent and fields and int(fields[1]) == agent["pid"] and b"conformance_worker" in (entry / "cmdline").read_bytes():
                    yield int(entry.name)
            except OSError:
                continue

    def kill_worker(self):
        workers = sorted(self.workers())
        if workers:
            os.kill(self.chance.choice(workers), signal.SIGKILL)
        return bool(workers)

    def delete_pod(self):
        pod = self.pick_pod()
        if pod:
            self.cluster.request("DELETE", f"{PODS}/{pod}")
        return bool(pod)

    def evict_pod(self):
        pod = self.pick_pod()
        if pod:
            self.cluster.request("POST", f"{PODS}/{pod}/eviction", {"apiVersion": "policy/v1", "kind": "Eviction",
                                                                   "metadata": {"name": pod, "namespace": "default"}})
        return bool(pod)

    def restart(self, program, pause=0.0):
        if program not in self.cluster.state["processes"]:
            return False
        subprocess.run([sys.executable, cluster.__file__, "restart", self.cluster.folder, program, "--pause", str(pause)], check=True)
        self.cluster = cluster.Cluster(os.environ["SBI_CLUSTER"])
        return True

    def lose_node(self):
        """The power fails. Somebody then deletes the Node, or says that it is out of service: the cluster ends its pods, after a while."""
        if self.away or not self.pick_pod():
            return False
        agent = self.cluster.state["processes"]["agent"]
        os.kill(agent["pid"], signal.SIGSTOP)
        for worker in self.workers():
            os.kill(worker, signal.SIGKILL)
        os.kill(agent["pid"], signal.SIGKILL)
        self.cluster.end("agent")
        self.away = self.cluster.state["processes"].pop("agent"), time.monotonic() + NODE_AWAY_MOST
        self.cluster.save()
        if self.chance.random() < 0.3:
            self.cluster.request("DELETE", NODE)
        else:
            self.cluster.request("PATCH", NODE + "/status", {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "PowerFailed"}]}},
                                 "application/merge-patch+json")
            self.cluster.request("PATCH", NODE, {"spec": {"taints": [{"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown",
                                                                      "effect": "NoExecute"}]}}, "application/merge-patch+json")
        return True

    def bring_node_back(self, always=False):
        """When no pod of it is left, or it was away for long."""
        if not always and time.monotonic() < self.away[1]:
            pods = self.cluster.request("GET", PODS + "?fieldSelector=spec.nodeName%3Dnode1,status.phase%3DRunning")["items"]
            if pods:
                return
        try:
            self.cluster.request("PATCH", NODE, {"spec": {"taints": None}}, "application/merge-patch+json")
        except urllib.error.HTTPError as e:
            if e.code != 404:
                raise
        self.cluster.launch("agent", self.away[0]["command"], self.away[0]["environment"])
        self.away = None

    def damage_result(self):
        """One that is committed: its content is replaced. The commit record is kept, so that it must be noticed by its sha256."""
        records = [p for p in self.store.glob("jobs/*/result.json") if p.parent.name not in self.damaged]
        if not records:
            return False
        record = self.chance.choice(records)
        path = self.store / json.loads(record.read_text())["path"]
        self.damaged.add(record.parent.name)
        whole = path.read_bytes()
        path.write_bytes(bytes(b ^ 1 for b in whole))
        time.sleep(self.chance.uniform(0.1, 1))
        if path.exists():  # a client that finds it damaged removes it
            path.write_bytes(whole)
        return True

    def fill_disk(self):
        """Of the client, of the store, or of the workers."""
        ballast = self.chance.choice([self.folder / "client", self.disk, self.folder / "scratch"]) / "ballast"
        try:
            with open(ballast, "wb", buffering=0) as f:
                for size in (1 << 20, 1 << 12):
                    try:
                        while f.write(bytes(size)) == size:
                            pass
                    except OSError:
                        continue
            time.sleep(self.chance.uniform(0.3, 2))
        finally:
            ballast.unlink()
        return True

    def shift_clock(self):
        path, (low, high) = self.chance.choice(self.clocks), self.chance.choice([(60, 1200), (3600, 6 * 3600), (86400, 3 * 86400)])
        seconds = self.chance.choice([-1, 1, 0]) * self.chance.randrange(low, high)
        before = struct.unpack("q", path.read_bytes())[0]
        self.set_clock(path, seconds)
        if self.in_s3 and abs(seconds) > 600:  # no signature holds until the clock is set right again
            self.to_mend.append((time.monotonic() + self.chance.uniform(0.5, 4), path))
        return seconds != before

    @staticmethod
    def set_clock(path, seconds):
        with open(path, "r+b") as f:
            f.write(struct.pack("q", seconds))

    def mend_clocks(self):
        for due, path in [m for m in self.to_mend if m[0] < time.monotonic()]:
            self.set_clock(path, 0)
            self.to_mend.remove((due, path))

    def arm_proxy(self, kind):
        """Counted when it hits. Some hit several requests in a row, more than are tried again at once."""
        routes = [self.setup.to_store] if kind == "corrupted" else [self.setup.to_api, self.setup.to_store] if self.in_s3 else [self.setup.to_api]
        self.chance.choice(routes).arm(kind, self.chance.choice([1, 2, 8]) if kind in ("busy", "error") else 1)
        return False

    # ---- the round ----

    def injected(self):
        counts = dict(self.counts)
        for route in (self.setup.to_api, self.setup.to_store):
            for kind, n in route.hits.items():
                counts[kind] += n
        return counts

    def look_at_commits(self):
        """A commit record is written once: whoever wrote it, it stays."""
        for record in self.store.glob("jobs/*/result.json"):
            content = record.read_bytes()
            if self.committed.setdefault(record.parent.name, content) != content:
                raise SystemExit(f"faults: a commit record was replaced: {record}")
        self.looked = time.monotonic()

    def run(self, wanted, deck):
        try:
            self.run_client(wanted, deck)
            self.check()
            return self.injected()
        finally:
            self.client.kill()
            self.client.wait()
            shutil.copy(self.folder / "client.log", self.cluster.path(f"client-{self.folder.name}.log"))
            for route in (self.setup.to_api, self.setup.to_store):
                route.disarm()
                route.hits = {}
            if self.away:
                self.bring_node_back(always=True)
            for path in self.own_mounts:
                self.setup.unmount(path)

    def inject(self, deck):
        functions = {"client killed": self.kill_client, "worker killed": self.kill_worker, "pod deleted": self.delete_pod, "pod evicted": self.evict_pod,
                     "API server restarted": lambda: self.restart("kube-apiserver"), "etcd frozen": lambda: self.restart("etcd", self.chance.uniform(0.2, 2)),
                     "node restarted": lambda: self.restart("agent"), "node gone": self.lose_node, "result damaged": self.damage_result,
                     "disk full": self.fill_disk, "clock jump": self.shift_clock}
        kind = deck.next(lambda k: k != "corrupted" or self.in_s3)
        if kind in OF_PROXY:
            if sum(len(r.armed) for r in (self.setup.to_api, self.setup.to_store)) < 8:
                self.arm_proxy(kind)
            return
        try:
            hurt = functions[kind]()
        except (OSError, http.client.HTTPException):
            hurt = False  # the server is away already
        self.counts[kind] += bool(hurt)
        if not hurt:
            deck.put_back(kind)

    def end_badly(self, text):
        raise SystemExit(f"faults: {text} after {self.injected()}:\n" + (self.folder / "client.log").read_text()[-3000:])

    def run_client(self, wanted, deck):
        end = time.monotonic() + self.a.patience
        self.start_client()
        while time.monotonic() < end:
            code = self.client.poll()
            if code == 0:
                return
            if code is not None and code != 75:
                self.end_badly(f"the client ended with {code}")
            if code == 75:
                time.sleep(0.3)
                self.start_client()
            self.mend_clocks()
            if self.away:
                try:
                    self.bring_node_back()
                except (OSError, http.client.HTTPException):
                    pass
            if sum(self.injected().values()) < wanted:
                self.inject(deck)
            if time.monotonic() > self.looked + 2:
                self.look_at_commits()
            time.sleep(self.chance.uniform(0.05, 0.4))
        self.end_badly(f"the campaign did not end within {self.a.patience} s")

    def check(self):
        expected = "".join(f"task-{i} {f'result of {i}' if i % 4 else 'slept'}\n" for i in range(self.a.tasks))
        if (self.folder / "results").read_text() != expected:
            self.end_badly(f"the results are not what they must be in {self.folder}")
        self.look_at_commits()
        if len(self.committed) != self.a.tasks:
            self.end_badly(f"{len(self.committed)} commit records of {self.a.tasks} tasks")
        attempts = len(list(self.store.glob("jobs/*/attempts/*")))
        print(f"  {self.a.tasks} tasks, store in {'S3' if self.in_s3 else 'a folder'}, {attempts} attempts begun, " +
              ", ".join(f"{n} {k}" for k, n in self.injected().items() if n), flush=True)


class Deck:
    """All kinds in turn, as often as their weights say, shuffled; so that none is left to luck."""

    def __init__(self, chance):
        self.chance, self.cards = chance, []

    def next(self, possible):
        for _ in range(2):
            for i, kind in enumerate(self.cards):
                if possible(kind):
                    return self.cards.pop(i)
            more = [k for k, n in KINDS.items() for _ in range(n)]
            self.chance.shuffle(more)
            self.cards += more
        raise AssertionError("no kind is possible")

    def put_back(self, kind):
        self.cards.insert(min(len(self.cards), 5), kind)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--patience", type=float, default=600)
    a = parser.parse_args()
    a.build = os.path.realpath(a.build)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of what stops and unmounts
    cluster.join_namespace(cluster.Cluster(os.environ["SBI_CLUSTER"]).state["namespace"])
    counts, rounds, deck, began = dict.fromkeys(KINDS, 0), 0, Deck(random.Random(f"{a.seed}-deck")), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sbi-faults-", ignore_cleanup_errors=True) as a.scratch:
        os.chmod(a.scratch, 0o755)
        setup = Setup(a)
        try:
            while sum(counts.values()) < a.faults:
                wanted = min(FAULTS_A_ROUND, a.faults - sum(counts.values()))
                for kind, n in Round(setup, random.Random(f"{a.seed}-{rounds}"), rounds).run(wanted, deck).items():
                    counts[kind] += n
                rounds += 1
        finally:
            setup.close()
    print("faults: " + ", ".join(f"{n} {k}" for k, n in counts.items()))
    missing = [k for k, n in counts.items() if not n]
    if missing and a.faults >= 100:
        raise SystemExit(f"faults: never injected: {', '.join(missing)}")
    print(f"faults: seed {a.seed}: {sum(counts.values())} faults in {rounds} campaigns and {time.monotonic() - began:.0f} s, no task lost, none committed twice, "
          "every byte right")


if __name__ == "__main__":
    main()
