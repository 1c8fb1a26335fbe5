#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Physics closure of the main job: check-closure.py LEARNT EXACT, two output folders.

The error of t_mu that the finite ensemble causes follows from the spread of its members: with sigma_pi the standard error of ln r_p
of event i, d t_mu = 2 sum_i w_i sum_p f_pi(mu) sigma_pi at most, f_pi = nu_p r_pi / lambda_i, less the same at the minimum. Events of one network err
together, so the sum over events is linear, not in quadrature. The learnt curve must lie within that band of the exact one."""

import json
import pathlib
import sys

import numpy as np

PROCESSES = ["S", "SBI", "B", "NI"]


def factors(mu):
    root = np.sqrt(mu)
    return {"S": mu - root, "SBI": root, "B": 1 - root, "NI": 1.0}


def band(folder, results, members):
    """The tolerance of t at each mu, from the spread of the members."""
    columns, data = folder / "columns", folder / "data"
    weights = np.load(data / "observed_weights.npy")
    yields = {s["name"]: s["yield"] for s in json.loads((folder / "workspace.json").read_text())["channels"][0]["samples"]}
    ratio = {p: np.load(columns / f"observed_{p}.npy") for p in PROCESSES}
    spread = {p: np.load(columns / f"observed_{p}_spread.npy") / np.sqrt(members) for p in PROCESSES}

    def response(mu):
        """w_i dlambda_i / lambda_i of each process's standard error."""
        f = factors(mu)
        density = sum(yields[p] * f[p] * ratio[p] for p in PROCESSES)
        return {p: weights * yields[p] * f[p] * spread[p] / density for p in PROCESSES}

    best = response(results["fit_true_ratios"]["mu"])
    out = []
    for mu in results["scan"]["mu"]:
        here = response(mu)
        out.append(2 * np.sqrt(sum(np.sum(np.abs(here[p] - best[p])) ** 2 for p in PROCESSES)))
    return np.array(out)


def main():
    learnt, exact = (pathlib.Path(p) for p in sys.argv[1:3])
    results = json.loads((learnt / "results.json").read_text())
    members = len(list((learnt / "networks" / "S").glob("member-*.npz")))
    mu = np.array(results["scan"]["mu"])
    near = np.array(results["scan"]["t_true"], dtype=float) < 9
    difference = np.abs(np.array(results["scan"]["t"]) - np.array(results["scan"]["t_true"]))
    tolerance = 3 * band(learnt, results, members)
    worst = int(np.argmax(np.where(near, difference / np.maximum(tolerance, 1e-9), 0)))
    print(f"closure: learnt and exact t_mu differ by at most {difference[near].max():.3f} where t < 9; tightest at mu = "
          f"{mu[worst]:.3f}: {difference[worst]:.3f} of {tolerance[worst]:.3f} allowed by the members' spread")
    assert np.all(difference[near] <= np.maximum(tolerance[near], 1e-9))

    r = json.loads((exact / "results.json").read_text())
    assert r["fit"]["converged"] and abs(r["fit"]["mu"] - r["mu_true"]) < 0.2 * r["fit"]["error"], r["fit"]
    t, nominal = np.array(r["scan"]["t"]), np.array(r["scan"]["t_true_nominal"])
    # Profiling over nuisances can only lower t; Asimov data keep them at zero at the best fit.
    assert np.all(t <= nominal + 0.05), (t, nominal)
    positions = [m["mu"] for m in r["fit"]["minima"]]
    assert len(positions) == 2 and positions[0] < 0.3, positions
    print(f"closure: exact ratios give mu = {r['fit']['mu']:.4f} +- {r['fit']['error']:.4f} and both minima")
    return 0


if __name__ == "__main__":
    sys.exit(main())
