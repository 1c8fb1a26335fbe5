#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training speed of libsbi and PyTorch, in one run on one machine, in turn (make bench-train).

    run.py --output FOLDER [--seconds 4] [--rounds 2] [--only SUBSTRING]

Writes FOLDER/results.json; report.py makes the table and the plot of it. Run it on a machine that does nothing else."""
import argparse
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
FEATURES = 20
SHAPES = [(4, 1000), (3, 256), (4, 100), (4, 64)]
BATCHES = [1024, 8192]
MEMBERS = [1, 10, 50]


def weights_flops(depth, width):
    """Of an event forward and back: the input's gradient is not needed."""
    return 4.0 * FEATURES * width + 6.0 * width * width * (depth - 1) + 6.0 * width


class Worker:
    def __init__(self, side):
        # Idle threads of OpenMP are not to spin while the other side runs.
        environment = {**os.environ, "KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "passive"}
        self.process = subprocess.Popen([sys.executable, str(HERE / "worker.py"), side], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=environment)

    def ask(self, do, **job):
        self.process.stdin.write(json.dumps({"do": do, **job}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a worker ended")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def events_files(folder, events):
    """Two normal distributions that differ in the first features."""
    paths = {}
    for side, shift in (("numerator", 0.4), ("denominator", 0.0)):
        path = folder / f"{side}-{events}.npy"
        x = np.random.default_rng([events, int(10 * shift)]).standard_normal((events // 2, FEATURES)).astype("f4")
        x[:, :3] += shift
        np.save(path, x)
        paths[side] = str(path)
    return paths


def machine():
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=HERE).stdout.strip()
    flags = next((l for l in open("/proc/cpuinfo") if l.startswith("flags")), "")
    wide = [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in flags.split()]
    return {"model": model, "processors": len(os.sched_getaffinity(0)), "instructions": wide, "commit": commit}


def compare(sbi, torch, job, rounds, members):
    """Best of `rounds` of each, in turn. PyTorch's members are trained one after another, so one of them tells its rate."""
    best = {}
    for _ in range(rounds):
        for name, worker, m in (("libsbi", sbi, members), ("torch", torch, 1)):
            answer = worker.ask("train", **job, members=m)
            if "refused" in answer:  # nothing to compare
                return {**best, name: answer}
            answer["events_per_second"] = job["events"] * job["epochs"] * m / answer["seconds"]
            if name not in best or answer["events_per_second"] > best[name].get("events_per_second", 0):
                best[name] = answer
    return best


def run(arguments, folder):
    sbi, torch = Worker("libsbi"), Worker("torch")
    results = {"machine": machine(), "training": [], "inference": []}
    for depth, width in SHAPES:
        for batch in BATCHES:
            events = 16384 if width >= 500 else 65536
            job = dict(depth=depth, width=width, batch=batch, events=events, features=FEATURES, **events_files(folder, events))
            for precision, members in [("f32", m) for m in (MEMBERS if width <= 100 else [1])] + ([("bf16", 1)] if width >= 256 else []):
                name = f"{depth}x{width} batch {batch} {precision} members {members}"
                if arguments.only and arguments.only not in name:
                    continue
                job["precision"] = precision
                sgemm = torch.ask("sgemm", rows=batch, width=width, seconds=arguments.seconds / 4)["flops"]
                first = sbi.ask("train", **{**job, "epochs": 1, "members": 1})
                job["epochs"] = max(1, round(arguments.seconds / first.get("seconds", arguments.seconds)))
                record = dict(name=name, depth=depth, width=width, batch=batch, precision=precision, members=members, events=events,
                              epochs=job["epochs"], flops_per_event=weights_flops(depth, width),
                              **compare(sbi, torch, job, arguments.rounds, members))
                again = torch.ask("sgemm", rows=batch, width=width, seconds=arguments.seconds / 4)["flops"]
                record["sgemm_flops"] = max(sgemm, again)
                results["training"].append(record)
                print(json.dumps(record), flush=True)
    for depth, width in [(4, 1000)]:
        if arguments.only and arguments.only not in "inference":
            continue
        events = 65536
        job = dict(depth=depth, width=width, events=events, features=FEATURES, precision="f32", repeats=3, **events_files(folder, events))
        record = {"depth": depth, "width": width, "flops_per_event": 2.0 * (FEATURES * width + width * width * (depth - 1) + width),
                  "sgemm_flops": torch.ask("sgemm", rows=8192, width=width, seconds=arguments.seconds / 2)["flops"],
                  "libsbi": sbi.ask("infer", **job), "torch": torch.ask("infer", **job)}
        results["inference"].append(record)
        print(json.dumps(record), flush=True)
    sbi.close()
    torch.close()
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=4, help="of a member's steps in each measurement")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", help="cases whose name has this in it, such as '4x64 batch 1024' or inference")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    results = run(arguments, arguments.output)
    (arguments.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
