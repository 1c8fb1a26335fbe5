#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The plots of a run: plots.py OUTPUT writes OUTPUT/plots/*.png. Reads files only; needs numpy and matplotlib."""

import importlib.util
import json
import pathlib
import sys

import numpy as np

try:
    import matplotlib
except ImportError:
    sys.exit("matplotlib is not installed")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

HERE = pathlib.Path(__file__).resolve()


def plot_module():
    """sbi.plots by its folder, so that no library needs to be loaded for drawing."""
    path = HERE.parents[2] / "bindings" / "python" / "sbi" / "plots" / "__init__.py"
    spec = importlib.util.spec_from_file_location("sbi_plots", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["sbi_plots"] = module  # for the imports among its files
    spec.loader.exec_module(module)
    return module


plots = plot_module()


def save(ax, out, name):
    figure = ax.figure if hasattr(ax, "figure") and ax.figure else ax
    figure.savefig(out / f"{name}.png", dpi=110)
    plt.close(figure)


def scan(results, out):
    s = results["scan"]
    mu, learnt, true = (np.array(s[k], dtype=float) for k in ("mu", "t", "t_true"))
    minima = [(m["mu"], m["t"]) for m in results["fit"]["minima"]]
    ax = plots.nll_scan(mu, {"learnt ratios": learnt, "exact ratios": true}, minima=minima)
    ax.axvline(results["mu_true"], color="k", lw=0.8, ls=":")
    top = max(8.0, min(20.0, np.nanmax([learnt[-1], true[-1]])))
    ax.set_ylim(-0.2, top)
    ax.set_xlabel(r"signal strength $\mu$")
    ax.set_ylabel(r"$t_\mu$")
    save(ax, out, "scan")


def impacts(results, out):
    p = [x for x in results["parameters"] if x["name"] != "mu"]
    if not p:
        return

    def column(key):
        return np.array([np.nan if x[key] is None else x[key] for x in p])

    save(plots.impacts([x["name"] for x in p], column("impact"), column("pull"), column("constraint"), poi=r"$\mu$"), out, "impacts")
    covariance = np.load(out.parent / "results" / "covariance.npy")
    width = np.sqrt(np.diag(covariance))
    width[width == 0] = 1
    if len(width) <= 30:
        names = [x["name"] for x in results["parameters"]]
        save(plots.correlation(covariance / np.outer(width, width), names), out, "correlation")


def training(folder, out, processes):
    figure, axes = plt.subplots(1, len(processes), figsize=(3.2 * len(processes), 3), layout="constrained")
    for ax, process in zip(np.atleast_1d(axes), processes):
        histories = [np.load(f) for f in sorted(folder.glob(f"{process}_history_*.npy"))]
        plots.training_curves(histories, ax=ax)
        ax.set_title(process, fontsize="small")
    save(figure, out, "training")


def calibration(folder, out, processes):
    figure, axes = plt.subplots(1, len(processes), figsize=(3 * len(processes), 3), layout="constrained")
    for ax, process in zip(np.atleast_1d(axes), processes):
        report = json.loads((folder / f"{process}.json").read_text())
        plots.calibration(np.array(report["calibration"]["rows"]), ax=ax)
        ax.set_title(process, fontsize="small")
    save(figure, out, "calibration")


def timeline(resources, out):
    tasks = resources["tasks"]
    if not tasks:
        return
    begins, ends = (np.array([t[k] for t in tasks]) / 1000 for k in ("began", "ended"))
    save(plots.timeline(begins, ends), out, "timeline")


def main():
    output = pathlib.Path(sys.argv[1])
    out = output / "plots"
    out.mkdir(exist_ok=True)
    results = json.loads((output / "results.json").read_text())
    resources = json.loads((output / "resources.json").read_text())
    scan(results, out)
    impacts(results, out)
    timeline(resources, out)
    diagnostics = output / "diagnostics"
    if diagnostics.is_dir():
        processes = sorted(p.name.removesuffix("_truth.json") for p in diagnostics.glob("*_truth.json"))
        training(diagnostics, out, processes)
        calibration(diagnostics, out, processes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
