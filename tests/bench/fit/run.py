#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times whole fits of one likelihood, iminuit's and libsbi's, against the number of nuisance parameters. Writes results.jsonl, table.md and
fit_speed.png into the output folder. Each fit is a process of its own (peer.py). --resume keeps what results.jsonl has."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import time
from importlib.metadata import version

import report

HERE = pathlib.Path(__file__).resolve().parent
ENGINES = ["libsbi", "jax-gradient", "jax-value", "numpy"]  # jax-value counts the calls for numpy
NUISANCES = [1, 5, 10, 20, 50, 100, 200]


def machine():
    info = {line.split(":")[0].strip(): line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if ":" in line}
    family = f" (family {info['cpu family']}, model {info['model']})" if "cpu family" in info else ""
    commit = subprocess.run(["git", "-C", str(HERE), "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return {"kind": "machine", "machine": f"{os.cpu_count()} cores of {info.get('model name', platform.machine())}{family}", "commit": commit or "unknown",
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "load": os.getloadavg()[0],
            "jax": version("jax"), "iminuit": version("iminuit"), "numpy": version("numpy")}


class Run:
    def __init__(self, options):
        self.options, self.began = options, time.monotonic()
        self.folder = pathlib.Path(options.output)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "results.jsonl"
        self.records = report.read(path) if options.resume else []
        self.file = open(path, "a" if self.records else "w")
        if not self.records:
            self.record(machine())

    def record(self, r):
        self.records.append(r)
        self.file.write(json.dumps(r) + "\n")
        self.file.flush()
        if r["kind"] == "fit":
            print(f"{r['nuisances']:4d} {r['engine']:13s} {'~' if r['extrapolated'] else ' '}{r['seconds']:.4g} s, {r['calls']} calls, {r['gradients']} gradients",
                  flush=True)

    def find(self, engine, nuisances):
        return next((r for r in self.records if r["kind"] == "fit" and r["engine"] == engine and r["nuisances"] == nuisances), None)

    def expected(self, engine, nuisances):
        """Seconds that a process will take, from that of fewer nuisance parameters."""
        fewer = [r for r in self.records if r["kind"] == "fit" and r["engine"] == engine and r["nuisances"] < nuisances]
        if not fewer or engine == "libsbi":
            return 15
        return 15 + min(fewer[-1]["seconds"] * (nuisances / fewer[-1]["nuisances"]) ** 2.5, self.options.longest)

    def one(self, engine, nuisances):
        command = [sys.executable, str(HERE / "peer.py"), engine, str(nuisances), str(self.options.longest)]
        counted = self.find("jax-value", nuisances)
        if engine == "numpy" and counted:
            command.append(str(counted["calls"]))
        env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "XLA_FLAGS")}
        done = subprocess.run(command, capture_output=True, text=True, env=env | {"JAX_PLATFORMS": "cpu"})
        if done.returncode:
            sys.exit(f"run.py: {engine} with {nuisances}: {done.stderr.strip()[-2000:]}")
        self.record(json.loads(done.stdout.splitlines()[-1]))

    def all(self):
        """Whether everything is there."""
        for nuisances in self.options.nuisances:
            for engine in ENGINES:
                if self.find(engine, nuisances):
                    continue
                left = 60 * self.options.minutes - (time.monotonic() - self.began)
                if left < self.expected(engine, nuisances):
                    print(f"run.py: stopped before {engine} with {nuisances} nuisance parameters; --resume goes on")
                    return False
                self.one(engine, nuisances)
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True)
    parser.add_argument("--nuisances", default=NUISANCES, type=lambda s: [int(k) for k in s.split(",")])
    parser.add_argument("--longest", type=float, default=150.0, help="seconds of a fit beyond which it is extrapolated")
    parser.add_argument("--minutes", type=float, default=60.0, help="no fit begins that would end after this")
    parser.add_argument("--resume", action="store_true", help="keep what results.jsonl has")
    run = Run(parser.parse_args())
    whole = run.all()
    report.write(run.records, run.folder)
    if whole and not report.agrees(run.records):
        sys.exit("run.py: the fits do not agree: see table.md")


if __name__ == "__main__":
    main()
