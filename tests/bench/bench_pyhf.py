#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pyhf with JAX and libsbi through bindings/python on the same workspaces, in one run. Usage: bench_pyhf.py [--runs N] [--fits] WORKSPACE.json...

A line of JSON for each workspace, engine and task, and one with the ratios of the medians (pyhf / libsbi). Tasks, in seconds:
    first_load  file to evaluable model in a fresh process; imports are over, nothing is compiled before
    load        the same again in one process: parsing JSON, checking it, building the model
    compile     jax.jit of value and gradient, until the first result (pyhf only)
    gradient    value and gradient at points that change from call to call, after compiling
    hessian     all of it, after compiling
    fit         MINUIT with JAX's gradient, as pyhf has it; libsbi's Newton, with the exact covariance
--fits leaves out all but the first load of each and the fits. The first of pyhf's fits compiles and is not counted among them (fit_first).
The engines take turns, run by run. Both get the workspace without its parameter of interest where it does not have that."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings" / "python"))


def clock(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def poi_of(path):
    """The measurement's parameter of interest, "" where no modifier has it."""
    spec = json.loads(pathlib.Path(path).read_text())
    names = {m["name"] for c in spec["channels"] for s in c["samples"] for m in s["modifiers"]}
    poi = spec["measurements"][0]["config"]["poi"]
    return poi if poi in names else ""


class Pyhf:
    name = "pyhf"

    def __init__(self, path):
        import jax
        import numpy
        import pyhf

        self.jax, self.numpy, self.pyhf, self.path, self.poi = jax, numpy, pyhf, path, poi_of(path)
        pyhf.set_backend("jax", pyhf.optimize.minuit_optimizer(), precision="64b")

    def load(self):
        workspace = self.pyhf.Workspace(json.loads(pathlib.Path(self.path).read_text()))
        self.model = workspace.model(poi_name=self.poi or None)
        self.data = self.pyhf.tensorlib.astensor(workspace.data(self.model))
        return self

    def start(self):
        return self.numpy.array(self.model.config.suggested_init())

    def names(self):
        return self.model.config.par_names

    def compile(self):
        def nll(theta):
            return -self.model.logpdf(theta, self.data)[0]

        self._gradient, self._hessian = self.jax.jit(self.jax.value_and_grad(nll)), self.jax.jit(self.jax.hessian(nll))
        self.gradient(self.start())

    def gradient(self, theta):
        return self.jax.block_until_ready(self._gradient(theta))

    def hessian(self, theta):
        return self.jax.block_until_ready(self._hessian(theta))

    def fit(self):
        return float(self.pyhf.infer.mle.fit(self.data, self.model, return_fitted_val=True)[1]) / 2


class Sbi:
    name = "libsbi"

    def __init__(self, path):
        import sbi

        self.sbi, self.path, self.poi = sbi, path, poi_of(path)

    def load(self):
        self.model = self.sbi.Model(self.path, poi=self.poi)
        self.nll = self.model.evaluator()
        return self

    def start(self):
        return self.model.start

    def names(self):
        return self.model.parameters

    def gradient(self, theta):
        return self.nll.value_and_gradient(theta)

    def hessian(self, theta):
        return self.nll.hessian(theta)

    def fit(self):
        return self.sbi.Fit(self.model).nll


ENGINES = {"pyhf": Pyhf, "libsbi": Sbi}


def first_load(engine, path):
    """Seconds, in a process of its own."""
    command = [sys.executable, __file__, "--first-load", engine, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def batch(function, points, repeat):
    """Seconds a call, over many calls at points in turn."""
    start = time.perf_counter()
    for i in range(repeat):
        function(points[i % len(points)])
    return (time.perf_counter() - start) / repeat


def time_fits(engines, runs, add):
    """-ln L that each ends at."""
    minima = {}
    for name, engine in engines.items():
        add(name, "fit_first", clock(engine.fit)[0])
    for _ in range(min(runs, 3)):
        for name, engine in engines.items():
            seconds, minima[name] = clock(engine.fit)
            add(name, "fit", seconds)
    return minima


def report(path, parameters, times, minima, **more):
    medians = {name: {task: statistics.median(t) for task, t in tasks.items()} for name, tasks in times.items()}
    about = {"workspace": pathlib.Path(path).stem, "parameters": parameters}
    for name, tasks in times.items():
        for task, t in tasks.items():
            print(json.dumps(about | {"engine": name, "task": task, "seconds": float(f"{medians[name][task]:.4g}"),
                                      "least": float(f"{min(t):.4g}"), "most": float(f"{max(t):.4g}"), "runs": len(t)}), flush=True)
    ratios = {task: float(f"{medians['pyhf'][task] / medians['libsbi'][task]:.4g}") for task in medians["libsbi"]}
    print(json.dumps(about | {"ratios": ratios} | more | {"minus_2_ln_L": {name: 2 * m for name, m in minima.items()},
                              "libsbi_is_deeper_by": float(f"{2 * (minima['pyhf'] - minima['libsbi']):.3g}")}), flush=True)


def compare(path, runs, fits_only):
    import numpy

    times = {name: {} for name in ENGINES}

    def add(name, task, seconds):
        times[name].setdefault(task, []).append(seconds)

    if fits_only:
        engines = {name: engine(path) for name, engine in ENGINES.items()}
        for name, engine in engines.items():
            add(name, "load", clock(engine.load)[0])
        return report(path, len(engines["libsbi"].start()), times, time_fits(engines, runs, add))
    for _ in range(min(runs, 3)):
        for name in ENGINES:
            add(name, "first_load", first_load(name, path))
    engines = {name: engine(path) for name, engine in ENGINES.items()}
    for engine in engines.values():
        engine.load()
    for _ in range(runs):
        for name, engine in engines.items():
            add(name, "load", clock(engine.load)[0])
    add("pyhf", "compile", clock(engines["pyhf"].compile)[0])

    # The same points for both, each in its own order of parameters.
    a, b = engines["pyhf"], engines["libsbi"]
    order = [a.names().index(name) for name in b.names()]
    start, rng = a.start(), numpy.random.default_rng(1)
    moved = [start + 0.05 * rng.uniform(-1, 1, len(start)) for _ in range(16)]
    points = {"pyhf": moved, "libsbi": [numpy.ascontiguousarray(p[order]) for p in moved]}
    value, gradient = a.gradient(moved[0])
    value_b, gradient_b = b.gradient(points["libsbi"][0])
    worst = float(numpy.abs(numpy.asarray(gradient)[order] - gradient_b).max() / max(1, numpy.abs(gradient_b).max()))
    assert abs(value - value_b) < 1e-9 * max(1, abs(value)) and worst < 1e-9, (value, value_b, worst)
    for name, engine in engines.items():
        engine.hessian(points[name][0])
    for _ in range(runs):
        for name, engine in engines.items():
            add(name, "gradient", batch(engine.gradient, points[name], 200))
            add(name, "hessian", batch(engine.hessian, points[name], 5))
    report(path, len(start), times, time_fits(engines, runs, add), gradient_difference=float(f"{worst:.2g}"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspaces", nargs="+")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--fits", action="store_true", help="whole fits only")
    parser.add_argument("--first-load", choices=sorted(ENGINES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first_load:
        print(clock(ENGINES[options.first_load](options.workspaces[0]).load)[0])
        return
    machine = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    import jax
    import pyhf

    print(json.dumps({"machine": machine, "cores": os.cpu_count(), "pyhf": pyhf.__version__, "jax": jax.__version__}), flush=True)
    for path in options.workspaces:
        compare(path, options.runs, options.fits)


if __name__ == "__main__":
    main()
