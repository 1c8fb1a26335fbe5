#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits, CLs and upper limits of pyhf 0.7.6 on the workspaces of tests/data/pyhf, for tests/unit/test_fit_pyhf.c.

Usage: pyhf_fit.py [NAME...]  writes tests/reference/pyhf_fit.json; with names (29_every_modifier, say) only their records anew
       pyhf_fit.py --check    makes them anew and compares

pyhf runs with its JAX backend in 64 bits and an optimiser plugged in where pyhf takes one (Bottom): scipy's SLSQP, pyhf's default, and
from where it stops projected Newton steps on pyhf's own gradient until they move no parameter by more than 1e-9 standard deviations.
MINUIT at a tolerance of 1e-6, the first choice, fails with "above EDM threshold" wherever the parameter of interest ends at its bound,
which is in half of these workspaces. How good the best fit is is measured apart, by a Newton step with pyhf's exact Hessian (`off`, in
standard deviations). CLs is pyhf.infer.hypotest with q~_mu and asymptotic formulae at the stated mu; limits are where that CLs is 0.05,
by scipy's toms748 to 1e-7, observed and the five expected. The parameter of interest has 0 as its lower bound in all of them, as q~_mu
wants it.

A record: name, workspace, measurement, poi, parameters, values, errors (from the exact Hessian; 0 where fixed or at a bound), nll (-ln
L), flat (free directions without curvature, whose values mean nothing), off, mu, cls, cls_expected, limit, limit_expected; `skipped` with
the reason instead of the fit, `no_cls` instead of what comes after it: where nothing is expected at mu = 0 but something was observed
there are no Asimov data without signal."""

import json
import logging
import pathlib
import sys
import time
import warnings

import jax
import numpy as np
import pyhf
import scipy.optimize
from pyhf.optimize.mixins import OptimizerMixin

from make_pyhf import FOLDER, functions, model_of, read_npz

STORED = pathlib.Path(__file__).resolve().parent / "pyhf_fit.json"
LEVEL = 0.05
AT_BOUND = 1e-6  # of the width: MINUIT's sine comes this near
FLAT = 1e-9      # eigenvalue of the Hessian over the largest, with ones on the diagonal


class Bottom(OptimizerMixin):
    """An optimiser for pyhf: SLSQP, then projected Newton steps on differences of the exact gradient."""

    __slots__ = ["name"]

    def __init__(self):
        self.name = "bottom"
        super().__init__()

    def _get_minimizer(self, *arguments, **named):
        return None

    def _minimize(self, minimizer, func, x0, do_grad=False, bounds=None, fixed_vals=None, options=None):
        assert do_grad
        lower, upper = np.array(bounds, dtype=float).T
        x = np.array(x0, dtype=float)
        fixed = np.zeros(len(x), bool)
        for index, value in fixed_vals or []:
            fixed[index], x[index] = True, value
        lower, upper = np.where(fixed, x, lower), np.where(fixed, x, upper)

        def both(theta):
            value, gradient = func(np.asarray(theta))
            return float(value), np.asarray(gradient, dtype=float)

        if not np.isfinite(both(x)[0]):
            raise ValueError(f"the likelihood at the start is {both(x)[0]}")
        first = scipy.optimize.minimize(both, x, jac=True, method="SLSQP", bounds=list(zip(lower, upper)), options={"maxiter": 10000})
        x = np.clip(first.x, lower, upper)
        value, gradient = both(x)
        for _ in range(60):
            width = np.minimum(upper - lower, 1.0)
            x = np.where((x - lower < AT_BOUND * width) & (gradient > 0), lower, x)
            x = np.where((upper - x < AT_BOUND * width) & (gradient < 0), upper, x)
            value, gradient = both(x)
            free = np.flatnonzero(~fixed & ~((x == lower) & (gradient > 0)) & ~((x == upper) & (gradient < 0)))
            if not len(free):
                break
            h = np.empty((len(free), len(free)))
            for row, k in enumerate(free):
                sides = [min(x[k] + 1e-5, upper[k]), max(x[k] - 1e-5, lower[k])]
                moved = [np.where(np.arange(len(x)) == k, side, x) for side in sides]
                h[row] = (both(moved[0])[1] - both(moved[1])[1])[free] / (sides[0] - sides[1])
            inverse, _ = invert((h + h.T) / 2)
            step = np.zeros(len(x))
            step[free] = -inverse @ gradient[free]
            size = np.max(np.abs(step[free]) / np.sqrt(np.maximum(2 * np.diag(inverse), 1e-300)))
            while True:
                moved = np.clip(x + step, lower, upper)
                value_moved, gradient_moved = both(moved)
                if value_moved <= value + 1e-11 * max(1, abs(value)) or np.abs(step).max() < 1e-15:
                    break
                step /= 2
            x, value, gradient = moved, value_moved, gradient_moved
            if size < 1e-9:
                break
        return scipy.optimize.OptimizeResult(x=x, fun=value, success=bool(np.isfinite(value)), message="at the bottom")


def invert(h):
    """Inverse over the directions with curvature, and how many have none."""
    scale = 1 / np.sqrt(np.maximum(np.abs(np.diag(h)), 1e-30))
    eigenvalue, vector = np.linalg.eigh(h * scale[:, None] * scale)
    good = eigenvalue > FLAT * eigenvalue.max(initial=0)
    return (vector[:, good] / eigenvalue[good]) @ vector[:, good].T * scale[:, None] * scale, int((~good).sum())


def newton(nll, best, fixed, lower, upper):
    """Where exact Newton steps lead from the best fit, with errors and the number of flat directions."""
    gradient, hessian = jax.jit(jax.grad(nll)), jax.jit(jax.hessian(nll))
    theta, errors = best.copy(), np.zeros_like(best)
    g = np.asarray(gradient(theta))
    free = np.flatnonzero(~fixed & ~((theta <= lower) & (g > 0)) & ~((theta >= upper) & (g < 0)))
    for _ in range(3):
        inverse, flat = invert(np.asarray(hessian(theta))[np.ix_(free, free)])
        theta[free] = np.clip(theta[free] - inverse @ np.asarray(gradient(theta))[free], lower[free], upper[free])
    errors[free] = np.sqrt(np.diag(inverse))
    return theta, errors, flat


def fit_record(spec, meta):
    model, data = model_of(spec, meta["measurement"], meta["poi"])
    config = model.config
    record = {k: meta[k] for k in ("workspace", "measurement", "poi")}
    if not meta["poi"]:
        return record | {"skipped": "no parameter of interest"}
    fixed = np.array(config.suggested_fixed())
    if fixed[config.poi_index]:
        return record | {"skipped": "the parameter of interest is fixed"}
    bounds = [list(map(float, b)) for b in config.suggested_bounds()]
    bounds[config.poi_index][0] = max(0.0, bounds[config.poi_index][0])
    lower, upper = np.array(bounds).T
    start = np.clip(config.suggested_init(), lower, upper).tolist()
    best = np.asarray(pyhf.infer.mle.fit(data, model, start, bounds), dtype=float)
    nll, smooth = functions(model, data)
    bottom, errors, flat = newton(smooth, best, fixed, lower, upper)
    free = errors > 0
    off = float(np.max(np.abs(bottom - best)[free] / errors[free], initial=0)) if not flat else None
    record |= {"parameters": list(config.par_names), "values": best.tolist(), "errors": errors.tolist(), "nll": float(nll(best)), "flat": flat,
               "off": off}
    try:
        return record | limits(model, data, start, bounds)
    except ValueError as error:
        return record | {"no_cls": f"pyhf: {error}"}


def limits(model, data, start, bounds):
    """CLs at one mu, and limits."""
    top = float(bounds[model.config.poi_index][1])
    seen = {}

    def levels(mu):
        """[observed, five expected] CLs"""
        if mu not in seen:
            observed, expected = pyhf.infer.hypotest(mu, data, model, start, bounds, test_stat="qtilde", return_expected_set=True)
            seen[mu] = [float(observed), *map(float, expected)]
        return seen[mu]

    def limit(i):
        """toms748 between a mu that is not excluded and one that is."""
        below, above = 0.05 * top, 0.05 * top
        while levels(above)[i] > LEVEL:
            if above == top:
                return None
            above = min(1.5 * above, top)
        while levels(below)[i] < LEVEL:
            below /= 2
        if above == below:
            return above
        return float(scipy.optimize.toms748(lambda m: np.log(levels(m)[i] / LEVEL), below, above, xtol=1e-9, rtol=1e-7, k=2))

    found = [limit(i) for i in range(6)]
    # Tested near what is expected to be excluded.
    mu = float(f"{0.8 * (found[3] or top):.2g}")
    values = levels(mu)
    if not np.isfinite(values).all():
        raise ValueError(f"CLs at {mu} is {values[0]}")
    return {"mu": mu, "cls": values[0], "cls_expected": values[1:], "limit": found[0], "limit_expected": found[1:]}


def records(only=()):
    for path in sorted(FOLDER.glob("*.npz"), key=lambda p: p.stem):
        if only and path.stem not in only:
            continue
        meta = read_npz(path)[1]
        start = time.perf_counter()
        try:
            record = fit_record(json.loads((FOLDER / meta["workspace"]).read_text()), meta)
        except (np.linalg.LinAlgError, pyhf.exceptions.FailedMinimization) as error:  # pyhf's own failures are results too
            record = {k: meta[k] for k in ("workspace", "measurement", "poi")} | {"skipped": f"pyhf: {type(error).__name__}: {str(error)[:120]}"}
        record = {"name": path.stem} | record
        print(f"{path.stem}: {record.get('skipped') or record.get('no_cls') or record['off']} {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
        yield record


def compare(stored, made):
    assert [r["name"] for r in stored] == [r["name"] for r in made]
    worst, count = 0.0, 0
    for a, b in zip(stored, made):
        assert ("skipped" in a) == ("skipped" in b), (a["workspace"], a.get("skipped"), b.get("skipped"))
        if "skipped" in a:
            continue
        count += 1
        sigma = a["errors"][a["parameters"].index(a["poi"])] or 1.0
        pairs = [(a["nll"], b["nll"], 1)]
        if "cls" in a:
            pairs += [(a["cls"], b["cls"], 1), (a["limit"], b["limit"], sigma), 
                      (a["limit_expected"][2], b["limit_expected"][2], sigma)]
        if not a["flat"]:
            pairs += [(x, y, e) for x, y, e in zip(a["values"], b["values"], a["errors"]) if e]
        for x, y, scale in pairs:
            assert (x is None) == (y is None), a["workspace"]
            if x is not None:
                worst = max(worst, abs(x - y) / scale)
    assert worst < 1e-4, worst
    print(f"pyhf_fit: {count} fits reproduced, largest difference {worst:.2g} standard deviations")


def main():
    warnings.filterwarnings("ignore")
    pyhf.set_backend("jax", Bottom(), precision="64b")
    logging.getLogger("pyhf").setLevel(logging.CRITICAL)
    if "--check" in sys.argv:
        compare(json.loads(STORED.read_text()), list(records()))
        return
    made = list(records(sys.argv[1:]))
    if sys.argv[1:]:
        names = {r["name"]: r for r in made}
        made = [names.get(r["name"], r) for r in json.loads(STORED.read_text())]
    STORED.write_text("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in made) + "\n]\n")


if __name__ == "__main__":
    main()
