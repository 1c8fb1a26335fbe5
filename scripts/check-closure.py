#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Physics closure of the main job: check-closure.py LEARNT EXACT, two output folders.

The tolerance of the learnt curve comes from the ensemble's own spread: each member alone gives a curve t_m(mu) of the same data at
alpha = 0. Members are bootstrapped, so the curves scatter as networks trained on other data would. Where the exact t is
below 9, the ensemble's curve must lie within four standard deviations of the members (and 0.2) around the exact one."""

import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bindings" / "python"))
import sbi  # noqa: E402

PROCESSES = ["S", "SBI", "B", "NI"]


def factors(mu):
    root = np.sqrt(mu)
    return {"S": mu - root, "SBI": root, "B": 1 - root, "NI": 1.0}


def member_curves(folder, mu):
    """[members, n]: t of each member's ratios, normalised on the integration sample as the job does."""
    data = folder / "data"
    weights = np.load(data / "observed_weights.npy")
    observed, integration = np.load(data / "observed.npy"), np.load(data / "integration.npy")
    samples = json.loads((folder / "workspace.json").read_text())["channels"][0]["samples"]
    yields = {s["name"]: s["yield"] for s in samples}
    ensembles = {p: sbi.Ensemble(folder / "networks" / p) for p in PROCESSES}
    curves = []
    for m in range(len(ensembles["S"])):
        ratio = {}
        for p in PROCESSES:
            network = ensembles[p][m]
            ratio[p] = np.exp(network.logit(observed)) / np.mean(np.exp(network.logit(integration)))
        nll = []
        for x in mu:
            f = factors(x)
            density = sum(yields[p] * f[p] * ratio[p] for p in PROCESSES)
            total = sum(yields[p] * f[p] for p in PROCESSES)
            nll.append(total - np.sum(weights * np.log(np.maximum(density, 1e-3))))
        nll = np.array(nll)
        curves.append(2 * (nll - nll.min()))
    return np.array(curves)


def main():
    learnt, exact = (pathlib.Path(p) for p in sys.argv[1:3])
    results = json.loads((learnt / "results.json").read_text())
    scan = {key: np.array(results["scan"][key], dtype=float) for key in ("mu", "t", "t_true")}
    near = scan["t_true"] < 9
    spread = member_curves(learnt, scan["mu"][near]).std(axis=0, ddof=1)
    difference = np.abs(scan["t"] - scan["t_true"])[near]
    tolerance = 4 * spread + 0.2
    worst = int(np.argmax(difference / tolerance))
    print(f"closure: {near.sum()} points with t < 9; largest |learnt - exact| {difference.max():.3f}; members scatter by "
          f"{spread.min():.3f} to {spread.max():.3f}; tightest at mu = {scan['mu'][near][worst]:.2f}: {difference[worst]:.3f} of "
          f"{tolerance[worst]:.3f} allowed")
    assert np.all(difference <= tolerance), (difference, tolerance)

    shift = (results["fit"]["mu"] - results["fit_true_ratios"]["mu"]) / results["fit_true_ratios"]["error"]
    print(f"closure: mu-hat with learnt ratios is {shift:+.2f} standard deviations from mu-hat with exact ratios")
    assert abs(shift) < 0.5, shift

    r = json.loads((exact / "results.json").read_text())
    assert r["fit"]["converged"] and abs(r["fit"]["mu"] - r["mu_true"]) < 0.2 * r["fit"]["error"], r["fit"]
    t, nominal = np.array(r["scan"]["t"]), np.array(r["scan"]["t_true_nominal"])
    # Profiling can only lower t; on Asimov data the nuisances stay at zero at the best fit.
    assert np.all(t <= nominal + 0.1), (t, nominal)
    positions = [m["mu"] for m in r["fit"]["minima"]]
    assert len(positions) == 2 and positions[0] < 0.3, positions
    print(f"closure: exact ratios give mu = {r['fit']['mu']:.4f} +- {r['fit']['error']:.4f} and both minima, {positions}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
