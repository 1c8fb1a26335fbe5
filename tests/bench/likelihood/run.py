#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""JAX and libsbi side by side: one likelihood, one run, alternating rounds. `make bench-likelihood` calls this.

    run.py --program BUILD/bench/bench_likelihood --output FOLDER [--sizes 1e6,4e6,...] [--peers tuned-f64,...] [--resume]

Appends JSON lines to FOLDER/results.jsonl, one a measurement, and then makes the table, the goals and the plot (report.py).
"""
import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import data
import report
from children import Jax, Sbi, available_bytes

SIZES = "1e6,4e6,1e7,4e7,1e8,4e8"
CORES = os.cpu_count()
# Beside which form of JAX stands which libsbi: (storage, precision, threads).
PEERS = {
    "plain-f64": [("f64-log", "double", CORES), ("f64-ratio", "double", CORES)],
    "tuned-f64": [("f64-log", "double", CORES)],
    "rules-f64": [("f64-log", "double", CORES), ("f64-log", "double", 1), ("f64-ratio", "double", CORES)],
    "plain-f32": [("f32-log", "double", CORES), ("f32-log", "mixed", CORES)],
    "tuned-f32": [("f16-log", "mixed", CORES), ("f16-log", "double", CORES)],
    "rules-f32": [("f16-log", "double", CORES), ("f16-log", "mixed", CORES), ("f16-log", "double", 1), ("f16-log", "mixed", 1),
                  ("f32-log", "mixed", CORES)],
}
MOST_ENTRIES = {"plain": 4e7, "tuned": math.inf, "rules": math.inf}  # beyond, a form has nothing new to say
SECOND_POINT = 1e7  # the point with |alpha| > 1 is timed up to this size
QUANTITIES = ("value", "gradient", "row", "rows", "hessian")
FROM_ROWS = ("plain", "tuned")  # forms of JAX whose full Hessian is extrapolated from rows
AGREE = {"f64": 1e-9, "f32": 5e-2}  # largest deviation from JAX before anything is timed; f32 sums of JAX set the second
ROOM = 2 << 30  # memory that must stay free


class Stop(Exception):
    pass


class Run:
    def __init__(self, options):
        self.options = options
        self.start = time.monotonic()
        self.folder = pathlib.Path(options.output)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "results.jsonl"
        if not options.resume and self.path.exists():
            self.path.replace(self.folder / "results.old.jsonl")
        self.records = report.read(self.path)
        self.failed = False
        if not any(r["kind"] == "machine" for r in self.records):
            self.record(machine())
        if os.getloadavg()[0] > 0.5:
            print(f"run.py: the load average is {os.getloadavg()[0]:.1f}: others use this machine, and figures will suffer", file=sys.stderr)

    def record(self, entry):
        self.records.append(entry)
        with open(self.path, "a") as f:
            f.write(json.dumps(entry) + "\n")
        line = {k: v for k, v in entry.items() if k not in ("machine", "commit")}
        print(json.dumps(line), flush=True)

    def skip(self, peer, entries, quantity, why):
        self.record({"kind": "skip", "beside": peer, "entries": entries, "quantity": quantity, "reason": why})

    def done(self, peer, entries, quantity, point):
        return any(r["kind"] == "time" and (r["beside"], r["entries"], r["quantity"], r["point"]) ==
                   (peer, entries, quantity, data.POINTS[point]) for r in self.records)

    def time_left(self):
        return self.options.minutes * 60 - (time.monotonic() - self.start)

    def over(self):
        return f"the {self.options.minutes:g} minutes were over; --resume goes on"

    # ---- settings of the tuned JAX --------------------------------------------------------------------------------

    def settings(self, peer):
        """The fastest settings found for a form, for each quantity; searched once in a run."""
        known = [r for r in self.records if r["kind"] == "tuning" and r["beside"] == peer]
        return known[-1]["settings"] if known else self.tune(peer)

    def tune(self, peer):
        variant, dtype = peer.split("-")
        events = int(self.options.tune_entries) // (data.PROCESSES * data.NUISANCES)
        tried = []
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            data.write_common(folder, events)
            data.write_morphs(folder, events, f"{dtype}-log")
            child = Jax(folder, variant, dtype)

            def seconds(quantity, setting):
                for t in tried:
                    if t["quantity"] == quantity and t["setting"] == setting:
                        return t["seconds"]
                command = Jax.command("run", quantity, 0, setting)
                replies = [child.ask(command) for _ in range(6)]
                best = min((r["seconds"] for r in replies[1:] if "seconds" in r), default=math.inf)
                tried.append({"quantity": quantity, "setting": setting, "seconds": best})
                return best

            def fastest(quantity, candidates):
                return min(candidates, key=lambda s: seconds(quantity, s))

            def neighbours(quantity, best):
                return fastest(quantity, [best, best | {"block": best["block"] // 2}, best | {"block": best["block"] * 2}])

            # The gradient is searched over all; the others from where it ended.
            products = ("rules",) if variant == "rules" else ("prod", "logs", "logs4")
            best = fastest("gradient", [setting(b, CORES, p) for p in products for b in (64, 256)])
            best = neighbours("gradient", best)
            settings = {"gradient": fastest("gradient", [best, best | {"devices": 1}])}
            for quantity in QUANTITIES:
                if quantity != "gradient" and not (quantity == "hessian" and variant in FROM_ROWS):
                    # Ten tangents and more want the product that one wants.
                    start = settings["row"] if quantity in ("rows", "hessian") else settings["gradient"]
                    choice = products if quantity in ("value", "row") else (start["product"],)
                    settings[quantity] = neighbours(quantity, fastest(quantity, [start | {"product": p} for p in choice]))
            child.close()
        scale = 1e9 / self.options.tune_entries
        self.record({"kind": "tuning", "beside": peer, "entries": self.options.tune_entries, "settings": settings,
                     "tried": [t["setting"] | {"quantity": t["quantity"], "ns": round(scale * t["seconds"], 3)} for t in tried]})
        return settings

    # ---- one form of JAX at one size ------------------------------------------------------------------------------

    def pair(self, folder, entries, peer):
        variant, dtype = peer.split("-")
        points = (0, 1) if entries <= SECOND_POINT and variant == "rules" or entries == self.smallest else (0,)
        wanted = [(q, point) for point in points for q in QUANTITIES if q in self.options.quantities
                  and (point == 0 or q in ("gradient", "hessian")) and not self.done(peer, entries, q, point)]
        if not wanted:
            return
        if entries > MOST_ENTRIES[variant]:
            return self.skip(peer, entries, "all", f"not run beyond {MOST_ENTRIES[variant]:.0e} entries")
        if self.time_left() < 0:
            return self.skip(peer, entries, "all", self.over())
        settings = self.settings(peer) if variant != "plain" else {}
        events = entries // (data.PROCESSES * data.NUISANCES)
        stored = {s for s, _, _ in PEERS[peer]}
        own = "f64-ratio" if peer == "plain-f64" else f"{dtype}-log"
        sizes = {s: 2 * entries * data.STORAGES[s]().itemsize for s in stored | {own}}
        # Each process holds its own columns, JAX's f32 of ratios two forms for a while.
        need = (2 if peer == "plain-f32" else 1.1) * sizes[own] + sum(sizes[s] for s in stored)
        if need + ROOM > available_bytes():
            stored = {PEERS[peer][0][0]}
            need = 1.1 * sizes[own] + sum(sizes[s] for s in stored)
        if need + ROOM > available_bytes():
            return self.skip(peer, entries, "all", f"needs {need / 1e9:.1f} GB of memory, there are {available_bytes() / 1e9:.1f}")
        if need > shutil.disk_usage(folder).free:
            return self.skip(peer, entries, "all", "not enough disk for the columns")
        for storage in stored | {own}:
            data.write_morphs(folder, events, storage)
        children = {s: Sbi(self.options.program, folder, s) for s in stored}
        jax = Jax(folder, variant, dtype)
        try:
            for child in (jax, *children.values()):
                if "error" in child.about:
                    raise Stop(f"{peer} at {entries}: a process {child.about['error']}")
            engines = []
            for storage, precision, threads in PEERS[peer]:
                if storage not in children:
                    self.skip(peer, entries, f"{storage}, {precision}", "memory holds one storage beside JAX")
                elif precision == "mixed" and not children[storage].about["mixed"]:
                    if not any(r["kind"] == "skip" and r["quantity"] == "mixed" for r in self.records):
                        self.skip(peer, entries, "mixed", "not there: this libsbi has no SBI_PRECISION_MIXED")
                else:
                    engines.append((storage, precision, threads))
            for quantity, point in wanted:
                self.measure(entries, peer, jax, children, engines, quantity, point, settings.get(quantity))
        finally:
            jax.close()
            for child in children.values():
                child.close()

    def predicted(self, peer, entries, quantity):
        smaller = [r for r in self.records if r["kind"] == "time" and r["library"] == "jax" and r["beside"] == peer and not r["extrapolated"]
                   and r["quantity"] == quantity and r["entries"] <= entries]
        return 1e-9 * smaller[-1]["ns_per_entry"] * entries if smaller else 0

    def measure(self, entries, peer, jax, children, engines, quantity, point, setting):
        options, (variant, dtype) = self.options, peer.split("-")
        if self.time_left() < 0:
            return self.skip(peer, entries, quantity, self.over())
        why, extrapolated = "", quantity == "hessian" and variant in FROM_ROWS
        seconds = self.predicted(peer, entries, quantity)
        if seconds > options.longest:
            why = f"one evaluation would take {seconds:.0f} s"
        elif not extrapolated:
            compiled = jax.ask(Jax.command("compile", quantity, point, setting))
            if "error" in compiled:
                why = compiled["error"]
            elif compiled["temporary"] + ROOM > available_bytes():
                why = (f"would take {compiled['temporary'] / 1e9:.1f} GB beside the columns, {available_bytes() / 1e9:.1f} GB are there")
        if why:
            self.skip(peer, entries, f"JAX {quantity}", why)
            if variant == "plain":
                return
        with_jax = not why and not extrapolated

        # First evaluations: results compared, memory taken down, nothing timed.
        them, reference = None, None
        if with_jax:
            reply, peak = jax.with_peak(Jax.command("run", quantity, point, setting, True))
            if "error" in reply:
                return self.skip(peer, entries, f"JAX {quantity}", reply["error"])
            reference = reply["result"]
            them = {"times": [], "peak": peak, "ask": lambda: jax.ask(Jax.command("run", quantity, point, setting))}
        us = []
        for storage, precision, threads in engines:
            child = children[storage]
            reply, peak = child.with_peak(Sbi.command(quantity, threads, precision, point, True))
            if "error" in reply:
                raise Stop(f"libsbi {storage} {quantity}: {reply['error']}")
            deviation = compare(quantity, reference, reply["result"]) if reference else None
            if deviation is not None and not deviation <= AGREE[dtype]:
                self.failed = True
                return self.record({"kind": "disagreement", "beside": peer, "entries": entries, "quantity": quantity, "storage": storage,
                                    "precision": precision, "point": data.POINTS[point], "deviation": deviation})
            us.append({"engine": (storage, precision, threads), "times": [], "peak": peak, "deviation": deviation,
                       "ask": lambda c=child, text=Sbi.command(quantity, threads, precision, point): c.ask(text)})
        sweeps = [{"engine": (s, "", CORES), "times": [], "ask": lambda c=children[s]: c.ask(Sbi.command("sweep", CORES, "-", 0))}
                  for s in children] if quantity == "value" and point == 0 else []

        rounds, began = 0, time.monotonic()
        while rounds < 3 or rounds < options.rounds and time.monotonic() - began < options.budget:
            if them and (rounds < 1 or them["times"][-1] <= options.budget):
                them["times"].append(sample(them["ask"]))
                jax.idle()
            for subject in us + sweeps:
                subject["times"].append(sample(subject["ask"]))
            rounds += 1

        common = {"kind": "time", "beside": peer, "entries": entries, "quantity": quantity, "point": data.POINTS[point],
                  "extrapolated": False, "machine": self.records[0]["machine"], "commit": self.records[0]["commit"]}
        if them:
            stored = "ratio" if peer.startswith("plain") else "log"
            theirs_common = common | {"library": "jax", "variant": variant, "storage": f"{dtype}-{stored}", "precision": dtype,
                                      "threads": CORES, "setting": setting, "peak_mb": megabytes(them["peak"]),
                                      "columns_mb": round(2e-6 * entries * (8 if dtype == "f64" else 4), 1)}
            self.record(theirs_common | spread(them["times"], entries))
            if quantity in ("row", "rows") and variant in FROM_ROWS:
                self.extrapolate(theirs_common, them["times"], entries, 1 + data.NUISANCES, 1 if quantity == "row" else data.ROWS)
        for subject in us:
            storage, precision, threads = subject["engine"]
            self.record(common | {"library": "libsbi", "variant": f"{storage} {precision}", "storage": storage, "precision": precision,
                                  "threads": threads, "deviation": subject["deviation"], "peak_mb": megabytes(subject["peak"]),
                                  "columns_mb": round(2e-6 * entries * data.STORAGES[storage]().itemsize, 1)}
                        | spread(subject["times"], entries))
        for subject in sweeps:
            storage = subject["engine"][0]
            # The last block of a packed store is padded; what is reported is the time of the columns themselves.
            share = 2 * entries * data.STORAGES[storage]().itemsize / children[storage].about["bytes"]
            self.record(common | {"library": "memory", "quantity": "sweep", "variant": storage, "storage": storage, "precision": "",
                                  "threads": CORES} | spread([share * t for t in subject["times"]], entries))

    def extrapolate(self, common, times, entries, rows, measured):
        """JAX's full Hessian from its rows: what all of them would take, one after the other or ten at a time."""
        scaled = [t * rows / measured for t in times]
        self.record(common | {"quantity": "hessian", "extrapolated": True, "from": f"{rows} rows, {measured} at a time"} | spread(scaled, entries))

    def all(self):
        sizes = [int(float(s)) for s in self.options.sizes.split(",")]
        self.smallest = min(sizes)
        for entries in sizes:
            peers = [p for p in PEERS if p in self.options.peers]
            with tempfile.TemporaryDirectory(dir=self.options.scratch or self.folder) as folder:
                data.write_common(folder, entries // (data.PROCESSES * data.NUISANCES))
                for peer in peers:
                    self.pair(folder, entries, peer)
                    # Files that no later form reads make room for the next.
                    later = {s for p in peers[peers.index(peer) + 1:] for s, _, _ in PEERS[p]} | {
                        f"{p.split('-')[1]}-log" for p in peers[peers.index(peer) + 1:]}
                    for path in pathlib.Path(folder).glob("morphs-*.npy"):
                        if path.stem.removeprefix("morphs-") not in later:
                            path.unlink()


def setting(block, devices, product):
    return {"block": block, "devices": devices, "product": product}


def sample(ask):
    """Seconds of one evaluation: for short ones the median of several, so that a round is no shorter than 30 ms or so."""
    times = [ask()["seconds"]]
    while sum(times) < 0.03 and len(times) < 9:
        times.append(ask()["seconds"])
    return statistics.median(times)


def spread(times, entries):
    scale = 1e9 / entries
    return {"ns_per_entry": float(f"{scale * statistics.median(times):.5g}"), "low": float(f"{scale * min(times):.5g}"),
            "high": float(f"{scale * max(times):.5g}"), "rounds": len(times)}


def megabytes(size):
    return None if size is None else round(size / 1e6, 1)


def compare(quantity, reference, result):
    """Largest deviation relative to the largest element; a value and its gradient each on its own scale."""
    if len(reference) != len(result) or any(x is None or not math.isfinite(x) for x in (*reference, *result)):
        return math.inf
    parts = [(0, 1), (1, len(result))] if quantity == "gradient" else [(0, len(result))]
    return max(max(abs(a - b) for a, b in zip(reference[i:j], result[i:j])) / max(abs(a) for a in reference[i:j]) for i, j in parts)


def machine():
    def shell(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return "unknown"
    info = {line.split(":")[0].strip(): line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if ":" in line}
    family = f" (family {info['cpu family']}, model {info['model']})" if "cpu family" in info else ""
    isa = next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in info.get("flags", "").split()), "")
    here = pathlib.Path(__file__).resolve().parent
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    text = f"{CORES} cores of {info.get('model name', platform.machine())}{family}, {isa or platform.machine()}, {memory / 2**30:.0f} GiB"
    from importlib.metadata import version
    return {"kind": "machine", "machine": text, "commit": shell("git", "-C", str(here), "describe", "--always", "--dirty"),
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "load": os.getloadavg()[0],
            "jax": version("jax"), "jaxlib": version("jaxlib"), "python": platform.python_version()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--scratch", help="where columns are written (default: the output folder)")
    parser.add_argument("--sizes", default=SIZES, help=f"entries: events x {data.PROCESSES} processes x {data.NUISANCES} nuisance parameters")
    parser.add_argument("--peers", default=",".join(PEERS), type=lambda s: s.split(","))
    parser.add_argument("--quantities", default=",".join(QUANTITIES), type=lambda s: s.split(","))
    parser.add_argument("--rounds", type=int, default=7, help="most rounds for a measurement")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds after which no further round begins")
    parser.add_argument("--longest", type=float, default=25.0, help="seconds of one evaluation of JAX beyond which it is skipped")
    parser.add_argument("--minutes", type=float, default=25.0, help="no measurement begins after this")
    parser.add_argument("--tune-entries", type=float, default=4e6)
    parser.add_argument("--resume", action="store_true", help="keep what results.jsonl has")
    options = parser.parse_args()
    options.peers = options.peers if isinstance(options.peers, list) else options.peers.split(",")
    options.quantities = options.quantities if isinstance(options.quantities, list) else options.quantities.split(",")
    unknown = set(options.peers) - set(PEERS)
    if unknown:
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    run = Run(options)
    try:
        run.all()
    except Stop as stop:
        print(f"run.py: {stop}", file=sys.stderr)
        run.failed = True
    report.write(run.records, run.folder)
    if run.failed:
        sys.exit("run.py: libraries disagree or a process failed: see above")


if __name__ == "__main__":
    main()
