#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""RooFit on HistFactory's models and libsbi on the same workspaces, in one run. Usage: bench_roofit.py [--runs N]; needs ROOT.

A line of JSON for each workspace, engine and task, and one with the ratios of the medians (RooFit / libsbi). Tasks, in seconds:
    build  workspace to a model that can be evaluated
    fit    from the start values, Migrad of Minuit2 as it comes (strategy 1) and Hesse; libsbi's Newton, whose covariance is of the exact Hessian
    minos  of the parameter of interest
The models are those of tests/reference/roofit_fit.py; RooFit evaluates with its default backend. The engines take turns, run by run."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bindings" / "python"))
sys.path.insert(0, str(HERE.parent / "reference"))

import roofit_fit  # noqa: E402


def clock(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


class RooFit:
    name = "RooFit"

    def __init__(self, ROOT, name):
        self.ROOT, self.spec = ROOT, json.loads((roofit_fit.FOLDER / f"{name}.json").read_text())
        self.kept = []  # ROOT's objects of one run crash when they go one by one

    def time(self, task):
        return clock(getattr(self, task))[0]

    def build(self):
        self.model = roofit_fit.Model(self.ROOT, self.spec)
        self.nll = self.model.nll()
        self.kept.append((self.model, self.nll))
        self.start = {n: v.getVal() for n, v in self.model.variables.items()}

    def fit(self):
        for n, v in self.model.variables.items():
            v.setVal(self.start[n])
            if not v.isConstant():
                v.setError(0)
        self.minuit = self.model.minimiser(self.nll, 1, 1.0)
        self.kept.append(self.minuit)
        self.minuit.minimize("Minuit2", "migrad")
        self.minuit.hesse()
        return self.nll.getVal()

    def minos(self):
        self.minuit.minos(self.ROOT.RooArgSet(self.model.variables[self.model.poi]))


class Sbi:
    """In a process of its own: ROOT and libsbi want different BLAS libraries in one."""

    name = "libsbi"

    def __init__(self, name):
        self.process = subprocess.Popen([sys.executable, __file__, "--serve", str(roofit_fit.FOLDER / f"{name}.json")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def time(self, task):
        self.process.stdin.write(task + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.parameters = answer["parameters"]
        return answer["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def serve(path):
    """One task a line, one JSON object a reply."""
    import sbi

    kept = {}
    tasks = {"build": lambda: kept.update(model=sbi.Model(path)), "fit": lambda: kept.update(fit=sbi.Fit(kept["model"])),
             "minos": lambda: kept["fit"].minos(kept["model"].poi)}
    for line in sys.stdin:
        seconds, _ = clock(tasks[line.strip()])
        print(json.dumps({"seconds": seconds, "parameters": len(kept["model"].parameters)}), flush=True)


def compare(ROOT, name, runs):
    times, engines = {}, [RooFit(ROOT, name), Sbi(name)]
    for _ in range(runs):
        for engine in engines:
            for task in ("build", "fit", "minos"):
                times.setdefault((engine.name, task), []).append(engine.time(task))
    parameters = engines[1].parameters
    engines[1].close()
    for (engine, task), t in times.items():
        print(json.dumps({"workspace": name, "parameters": parameters, "engine": engine, "task": task, "seconds": float(f"{statistics.median(t):.4g}"),
                          "least": float(f"{min(t):.4g}"), "most": float(f"{max(t):.4g}"), "runs": len(t)}), flush=True)
    median = {key: statistics.median(t) for key, t in times.items()}
    print(json.dumps({"workspace": name, "parameters": parameters,
                      "ratios": {task: float(f"{median['RooFit', task] / median['libsbi', task]:.4g}") for task in ("build", "fit", "minos")}}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve)
    ROOT = roofit_fit.load_root()
    machine = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    print(json.dumps({"machine": machine, "cores": os.cpu_count(), "root": str(ROOT.gROOT.GetVersion())}), flush=True)
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:  # HistFactory leaves files behind
        os.chdir(scratch)
        try:
            for name in roofit_fit.WORKSPACES:
                compare(ROOT, name, options.runs)
        finally:
            os.chdir(here)


if __name__ == "__main__":
    main()
