#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a campaign over the executor "kubernetes" while faults are injected, seeded and bounded, and holds its results against what they must be.

Usage: faults.py BUILD [--faults N] [--seed S] [--tasks N], inside a cluster of tests/servers/kubernetes/with_cluster.sh --node agent.
One round is a campaign of so many tasks; rounds follow until so many faults were injected. Faults: SIGKILL of the client, SIGKILL of a worker, a pod deleted,
a pod evicted, the API server restarted, etcd frozen, the node's agent restarted, a result damaged in the
store for a moment. In the end each result is there once and has its bytes, whatever the number of attempts."""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "servers" / "kubernetes"))
sys.dont_write_bytecode = True
import cluster  # noqa: E402

PODS = "/api/v1/namespaces/default/pods"


class Round:
    def __init__(self, a, chance, number):
        self.a, self.chance = a, chance
        self.cluster = cluster.Cluster(os.environ["SBI_CLUSTER"])
        self.folder = pathlib.Path(a.scratch, f"round-{number}")
        self.store = self.folder / "store"
        self.store.mkdir(parents=True)
        self.client = None
        self.damaged = set()

    def start_client(self):
        with open(self.folder / "client.log", "ab") as log:
            self.client = subprocess.Popen([f"{self.a.build}/tests/cluster/campaign_kubernetes", self.folder / "campaign", self.store, str(self.a.tasks),
                                            self.folder / "results"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env={**os.environ, "SBI_BUILD": self.a.build})

    # ---- faults: each returns whether there was something to hurt ----

    def kill_client(self):
        self.client.kill()
        self.client.wait()
        self.start_client()
        return True

    def pick_pod(self):
        pods = self.cluster.request("GET", PODS + "?fieldSelector=status.phase%3DRunning")["items"]
        return self.chance.choice(pods)["metadata"]["name"] if pods else None

    def kill_worker(self):
        """A process that the agent started for a pod: its parent is the agent."""
        agent = self.cluster.state["processes"]["agent"]["pid"]
        workers = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split() if entry.name.isdigit() else None
                if fields and int(fields[1]) == agent and b"conformance_worker" in (entry / "cmdline").read_bytes():
                    workers.append(int(entry.name))
            except OSError:
                continue
        if not workers:
            return False
        try:
            os.kill(self.chance.choice(workers), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

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
        subprocess.run([sys.executable, cluster.__file__, "restart", self.cluster.folder, program, "--pause", str(pause)], check=True)
        self.cluster = cluster.Cluster(os.environ["SBI_CLUSTER"])
        return True

    def damage_result(self):
        """One that is committed: its content is replaced. The commit record is kept, so that it must be noticed by its sha256."""
        records = [p for p in self.store.glob("jobs/*/result.json") if p.parent.name not in self.damaged]
        if not records:
            return False
        record = self.chance.choice(records)
        content = json.loads(record.read_text())
        name = next((v for k, v in content.items() if isinstance(v, str) and v.startswith("cas/")), None) or next(
            (f"cas/sha256/{v[:2]}/{v[2:4]}/{v}" for v in content.values() if isinstance(v, str) and len(v) == 64), None)
        if not name or not (self.store / name).exists():
            return False
        self.damaged.add(record.parent.name)
        whole = (self.store / name).read_bytes()
        (self.store / name).write_bytes(bytes(b ^ 1 for b in whole))
        time.sleep(self.chance.uniform(0.1, 1))
        (self.store / name).write_bytes(whole)
        return True

    # ---- the round ----

    def run(self, wanted):
        try:
            return self.run_client(wanted)
        finally:
            self.client.kill()
            self.client.wait()

    def run_client(self, wanted):
        faults = {"client killed": self.kill_client, "worker killed": self.kill_worker, "pod deleted": self.delete_pod, "pod evicted": self.evict_pod,
                  "API server restarted": lambda: self.restart("kube-apiserver"), "etcd frozen": lambda: self.restart("etcd", self.chance.uniform(0.2, 2)),
                  "node restarted": lambda: self.restart("agent"), "result damaged": self.damage_result}
        # Those that cost the cluster seconds are rarer.
        weights = [4, 8, 6, 6, 1, 2, 1, 4]
        counts = dict.fromkeys(faults, 0)
        end = time.monotonic() + self.a.patience
        self.start_client()
        while time.monotonic() < end:
            code = self.client.poll()
            if code == 0:
                break
            if code is not None and code != 75:
                raise SystemExit(f"faults: the client ended with {code}:\n" + (self.folder / "client.log").read_text()[-3000:])
            if code == 75:
                time.sleep(0.3)
                self.start_client()
            if sum(counts.values()) < wanted:
                name = self.chance.choices(list(faults), weights)[0]
                try:
                    counts[name] += bool(faults[name]())
                except (OSError, urllib.error.URLError):
                    pass  # the server is away already
            time.sleep(self.chance.uniform(0.05, 0.6))
        else:
            self.client.kill()
            raise SystemExit(f"faults: the campaign did not end within {self.a.patience} s after {counts}:\n" + (self.folder / "client.log").read_text()[-3000:])
        expected = "".join(f"task-{i} {f'result of {i}' if i % 4 else 'slept'}\n" for i in range(self.a.tasks))
        if (self.folder / "results").read_text() != expected:
            raise SystemExit(f"faults: the results are not what they must be after {counts}: {self.folder}")
        records = len(list(self.store.glob("jobs/*/result.json")))
        if records != self.a.tasks:
            raise SystemExit(f"faults: {records} commit records of {self.a.tasks} tasks")
        attempts = len(list(self.store.glob("jobs/*/attempts/*")))
        print(f"  {self.a.tasks} tasks, {attempts} attempts begun, " + ", ".join(f"{n} {k}" for k, n in counts.items() if n), flush=True)
        return sum(counts.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--patience", type=float, default=600)
    a = parser.parse_args()
    a.build = os.path.realpath(a.build)
    cluster.join_namespace(cluster.Cluster(os.environ["SBI_CLUSTER"]).state["namespace"])
    done, rounds = 0, 0
    with tempfile.TemporaryDirectory(prefix="sbi-faults-", ignore_cleanup_errors=True) as a.scratch:
        while done < a.faults:
            chance = random.Random(f"{a.seed}-{rounds}")
            done += Round(a, chance, rounds).run(min(50, a.faults - done))
            rounds += 1
    print(f"faults: seed {a.seed}: {done} faults in {rounds} campaigns, no task lost, none committed twice, every byte right")


if __name__ == "__main__":
    main()
