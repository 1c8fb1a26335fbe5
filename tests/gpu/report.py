#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes gpu-report.md from what run.sh left in a folder, and prints its tables. Usage: report.py OUT"""

import json
import pathlib
import re
import sys


def lines_of(path):
    found = []
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            found.append(json.loads(line))
    return found


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(str(c) for c in r) + " |" for r in rows]


def steps(out):
    rows = []
    for line in (out / "steps.txt").read_text().splitlines():
        name, status, seconds = line.split()
        log = (out / f"{name}.log").read_text(errors="replace")
        checks = re.findall(r"\d+%: (Checks: .*)", log)
        rows.append((name, "passed" if status == "0" else "timed out" if status in ("124", "137") else f"FAILED ({status})",
                     "; ".join(checks), seconds + " s"))
    return table(("step", "result", "checks", "time"), rows)


def trainings(results):
    torch = {}
    for r in results:
        if r["bench"] == "torch":
            torch[r["precision"], r["width"], r["batch"], r["graph"]] = r["events_per_s"]
    rows = []
    for r in results:
        if r["bench"] != "train":
            continue
        ratios = []
        for graph in (False, True):
            rate = torch.get((r["precision"], r["width"], r["batch"], graph))
            ratios.append(f"{r['events_per_s'] / rate:.2f}" if rate else "-")
        rows.append((r["device"], f"{r['depth']} x {r['width']}", r["batch"], f"{r['events_per_s']:.3g}", f"{r['tflops']:.3g}",
                     f"{r['layer_tflops']:.3g}", f"{100 * r['share_of_layer']:.0f} %", f"{r['square_tflops']:.3g}", *ratios))
    return table(("device", "network", "batch", "events/s", "TFLOP/s", "product of a layer", "share", "large product", "x PyTorch",
                  "x PyTorch, graph"), rows) if rows else []


def main():
    out = pathlib.Path(sys.argv[1])
    results = [r for path in sorted(out.glob("bench_*.log")) for r in lines_of(path)]
    versions = {r["torch"] for r in results if "torch" in r and r["bench"] == "torch"}
    machine = (out / "machine.txt").read_text().splitlines()
    text = ["# Run on a GPU", "", "Made by `make bench-gpu` or the script of `make gpu-bundle`; do not edit.", "", *("- " + m for m in machine)]
    text += [f"- PyTorch {v}" for v in versions]
    text += ["", "## Steps", "", *steps(out)]
    training = trainings(results)
    if training:
        text += ["", "## Training", "", "TFLOP/s counts the products of the layers alone. A product of a layer is that of one hidden layer at "
                 "this batch, a large product 8192 x 8192 x 8192, both in the same run and precision; share is the step's rate over the former. "
                 "PyTorch runs the same steps with data on the device: as usually written, and as a CUDA graph.", "", *training]
    others = [r for r in results if r["bench"] not in ("train", "torch")]
    if others:
        text += ["", "## Others", "", *("    " + json.dumps(r) for r in others)]
    accuracy = [l for path in sorted(out.glob("test_*.log")) for l in path.read_text(errors="replace").splitlines() if "differs by at most" in l]
    if accuracy:
        text += ["", "## Beside the cpu device after 100 steps", "", *("    " + l for l in accuracy)]
    skipped = [l for path in sorted(out.glob("*.*")) if path.suffix in (".log", ".err")
               for l in path.read_text(errors="replace").splitlines() if l.startswith("SKIP")]
    if skipped:
        text += ["", "## Skipped", "", *("- " + l for l in skipped)]
    (out / "gpu-report.md").write_text("\n".join(text) + "\n")
    print()
    print("\n".join(text[4:]))


main()
