#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference fits of whole models made with iminuit, for tests/unit/test_fit_iminuit.c.

    python3 tests/reference/iminuit_models.py           writes tests/reference/iminuit_models.json
    python3 tests/reference/iminuit_models.py --check   compares with what is stored

Unbinned models are written in the JSON itself (`unbinned`): their columns are numbers of the counter-based generator of lib/base/random.h,
as make_random_unbinned.py describes it, weights 0.5 + u, ratios low + width u, variations 1 + amplitude (2 u - 1). Binned ones
(`workspace`) are those of tests/data/pyhf, their likelihood that of pyhf. JAX gives iminuit value and gradient.

Migrad, Hesse and Minos run at strategy 2 with a tolerance of 1e-4, Hesse with tolerances and steps of its own (below): as it comes its
errors are off by up to two per cent. A parameter that ends at its bound is held there for errors and intervals of the others, as libsbi
does; its own upper end is found with scipy's brentq on Migrad's conditional fits. Without limits for what ends inside: their sine costs
digits. `errors` are of the inverse of the Hessian, differences of JAX's exact gradients, `hesse` are Hesse's own from differences of
values, `hesse_off` is the largest relative difference of the two. Where a model has two minima iminuit starts in the shallow one
(`shallow`, its NLL) and in the deep one, whose values are stored."""

import json
import pathlib
import sys
import warnings

import iminuit
import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import scipy.optimize

from make_pyhf import FOLDER, functions, model_of, read_npz
from make_random_unbinned import FACTORS, interpolation, uniform

STORED = pathlib.Path(__file__).resolve().parent / "iminuit_models.json"
GAUSS, POISSON, LOGNORMAL = "gaussian", "poisson", "lognormal"


def process(name, expected, factor=None, ratio=(0.4, 1.2), stream=None, systematics=()):
    """systematics: [parameter, amplitude of the event variations or 0, high, low of the yield]"""
    return {"name": name, "yield": expected, "factor": factor, "ratio": list(ratio), "stream": stream, "systematics": [list(s) for s in systematics]}


def parameter(name, start, lower, upper, constraint=None, auxiliary=0.0, sigma=1.0):
    return {"name": name, "start": start, "lower": lower, "upper": upper, "constraint": constraint, "auxiliary": auxiliary, "sigma": sigma}


def alphas(n):
    return [parameter(f"a{k}", 0.0, -5.0, 5.0, GAUSS, 0.0, 1.0) for k in range(n)]


def shifts(n, seed):
    rng = np.random.default_rng(seed)
    return [[f"a{k}", round(0.01 + 0.01 * rng.random(), 4), round(1 + 0.08 * rng.random(), 3), round(1 - 0.08 * rng.random(), 3)] for k in range(n)]


MU = parameter("mu", 1.0, 0.001, 10.0)
UNBINNED = [
    {"name": "mixture", "seed": 1, "events": 600, "parameters": [MU, *alphas(3)], "processes": [
        process("S", 150.0, "mu", (0.1, 1.8), 0, shifts(3, 1)), process("B", 450.0, None, (0.4, 1.2), 1, shifts(3, 2))]},
    {"name": "mixture_of_many", "seed": 2, "events": 500, "parameters": [MU, *alphas(10)], "processes": [
        process("S", 120.0, "mu", (0.1, 1.8), 0, shifts(10, 3)), process("B", 200.0, None, (0.4, 1.2), 1, shifts(10, 4)),
        process("C", 180.0, None, (0.7, 0.6), 2, shifts(10, 5))]},
    {"name": "interference", "seed": 3, "events": 700, "parameters": [{**MU, "start": 1.4}, *alphas(2)], "processes": [
        process("S", 300.0, "mu - sqrt(mu)", (0.2, 1.6), 0, shifts(2, 6)), process("SBI", 500.0, "sqrt(mu)", (0.4, 1.2), 1, shifts(2, 7)),
        process("B", 600.0, "1 - sqrt(mu)", (0.6, 0.8), 2, shifts(2, 8)), process("N", 200.0, None, (0.5, 1.0), 3, shifts(2, 9))]},
    # S + I + B with yields 300 mu - 700 sqrt(mu) + 1000: two values of mu have nearly the same yield.
    {"name": "two_minima", "seed": 4, "events": 640, "deep": 0.4, "shallow_start": 2.6, "parameters": [{**MU, "start": 2.6}, *alphas(2)], "processes": [
        process("S", 300.0, "mu - sqrt(mu)", (0.9, 0.2), 0, shifts(2, 10)), process("SBI", 600.0, "sqrt(mu)", (0.9, 0.2), 1, shifts(2, 11)),
        process("B", 1000.0, "1 - sqrt(mu)", (0.9, 0.2), 2, shifts(2, 12))]},
    {"name": "at_its_bound", "seed": 5, "events": 400, "parameters": [{**MU, "lower": 0.0, "start": 0.5}, *alphas(2)], "processes": [
        process("S", 60.0, "mu", (0.05, 1.2), 0, shifts(2, 13)), process("B", 440.0, None, (0.4, 1.2), 1, shifts(2, 14))]},
    {"name": "strongly_correlated", "seed": 6, "events": 900, "parameters": [MU, parameter("k", 1.0, 0.0, 10.0), *alphas(2)], "processes": [
        process("S", 400.0, "mu", (0.5, 1.0), 0, shifts(2, 15)), process("B", 500.0, "k", (0.9, 0.2), 1, shifts(2, 16))]},
    {"name": "poisson_and_lognormal", "seed": 7, "events": 500, "parameters": [
        MU, parameter("k", 1.0, 0.0, 10.0, POISSON, 1.1, 0.1), parameter("l", 1.0, 0.001, 10.0, LOGNORMAL, 0.9, 0.15), *alphas(1)], "processes": [
        process("S", 100.0, "mu", (0.1, 1.8), 0, shifts(1, 17)), process("B", 250.0, "k", (0.4, 1.2), 1, shifts(1, 18)),
        process("C", 150.0, "l", (0.6, 0.8), 2, shifts(1, 19))]},
]
WORKSPACES = ["14_staterror", "18_lumi", "32_correlated_background", "33_uncorrelated_background", "38_non_integer_data", "42_inits_bounds_fixed",
              "45_gammas_inits_bounds", "53_channels_of_many_lengths", "57_random_2"]
FACTOR = {**{k: (lambda f: lambda p: f(p["mu"], None))(f) for k, f in FACTORS.items() if k in (None, "mu", "mu - sqrt(mu)", "sqrt(mu)", "1 - sqrt(mu)")},
          "k": lambda p: p["k"], "l": lambda p: p["l"]}


def unbinned_nll(spec):
    names = [p["name"] for p in spec["parameters"]]
    n, seed = spec["events"], spec["seed"]
    weights = jnp.asarray(0.5 + uniform(seed, 0, n))
    columns = []
    for number, p in enumerate(spec["processes"]):
        ratio = p["ratio"][0] + p["ratio"][1] * uniform(seed, 1000 + p["stream"], n)
        variations = [[1 + amplitude * (2 * uniform(seed, 100000 + 2000 * number + 2 * k + down, n) - 1) for down in (0, 1)]
                      for k, (_, amplitude, _, _) in enumerate(p["systematics"])]
        columns.append((jnp.asarray(ratio), [[jnp.asarray(x) for x in pair] for pair in variations]))

    def nll(theta):
        at = dict(zip(names, theta))
        total, mixture = 0.0, 0.0
        for p, (ratio, variations) in zip(spec["processes"], columns):
            nu, density = p["yield"] * FACTOR[p["factor"]](at), ratio
            for (name, _, high, low), (up, down) in zip(p["systematics"], variations):
                nu = nu * interpolation(4, at[name], high, low)
                density = density * interpolation(4, at[name], up, down)
            total, mixture = total + nu, mixture + nu * density
        out = total - jnp.sum(weights * jnp.log(mixture))
        for p in spec["parameters"]:
            x, a, s = at[p["name"]], p["auxiliary"], p["sigma"]
            if p["constraint"] == GAUSS:
                out = out + (x - a) ** 2 / (2 * s**2)
            elif p["constraint"] == POISSON:
                out = out + (x - a) / s**2 - a / s**2 * jnp.log(x / a)  # m - n ln m, less its value at m = n
            elif p["constraint"] == LOGNORMAL:
                out = out + jnp.log(x / a) ** 2 / (2 * s**2)
        return out

    return nll


class Minimiser:
    """iminuit over the free parameters of a JAX function."""

    def __init__(self, nll, names, lower, upper, fixed):
        self.value, self.gradient = jax.jit(nll), jax.jit(jax.grad(nll))
        self.names, self.lower, self.upper, self.fixed = names, lower, upper, fixed
        self.offset = 0.0

    def minuit(self, start, limits, held=(), gradient=True):
        def value(x):
            v = float(self.value(jnp.asarray(x))) - self.offset
            return v if np.isfinite(v) else 1e12

        exact = lambda x: np.nan_to_num(np.asarray(self.gradient(jnp.asarray(x))))
        m = iminuit.Minuit(value, start, grad=exact if gradient else None, name=self.names)
        m.errordef, m.strategy, m.tol = 0.5, 2, 1e-4
        for k, name in enumerate(self.names):
            m.fixed[name] = bool(self.fixed[k]) or k in held
            if limits:
                m.limits[name] = (self.lower[k], self.upper[k])
        return m

    def exact_errors(self, x, held):
        free = [k for k in range(len(x)) if k not in held]
        # Central differences of the exact gradient are good to eight digits; XLA takes minutes and gigabytes to compile second
        # derivatives of these.
        slope = lambda y: np.asarray(self.gradient(jnp.asarray(y)))
        hessian, errors = np.array([(slope(x + 1e-4 * v) - slope(x - 1e-4 * v)) / 2e-4 for v in np.eye(len(x))]), np.zeros(len(x))
        hessian = (hessian + hessian.T) / 2
        errors[free] = np.sqrt(np.diag(np.linalg.inv(hessian[np.ix_(free, free)])))
        return errors.tolist()

    def best(self, start):
        """(Minuit at the minimum, indices at a bound)"""
        m = self.minuit(start, True)
        m.migrad(ncall=1000000)
        x, g = np.array(m.values), np.asarray(self.gradient(jnp.asarray(np.array(m.values))))
        width = np.minimum(self.upper - self.lower, 1)
        low, high = (x - self.lower < 1e-3 * width) & (g > 0.01), (self.upper - x < 1e-3 * width) & (g < -0.01)
        x = np.where(low, self.lower, np.where(high, self.upper, x))
        held = [int(k) for k in np.flatnonzero(low | high)]
        m = self.minuit(x, False, held)
        m.migrad(ncall=1000000)
        assert m.valid, m.fmin
        x = np.array(m.values)
        assert np.all((x >= self.lower) & (x <= self.upper)), x
        return m, held

    def upper_end(self, m, k):
        """Where the profile has risen by 1/2 above a parameter at its lower bound; the others within their limits."""
        def rise(x):
            start = np.array(m.values)
            start[k] = x
            c = self.minuit(start, True, [k])
            c.migrad(ncall=1000000)
            return c.fval - m.fval - 0.5

        high = self.lower[k] + 0.01
        while rise(high) < 0:
            high = self.lower[k] + 2 * (high - self.lower[k])
        return float(scipy.optimize.brentq(rise, self.lower[k], high, xtol=1e-8) - m.values[k])


def fit(name, nll, names, start, lower, upper, fixed, shallow_start=None):
    f = Minimiser(nll, names, lower, upper, fixed)
    record = {"name": name, "parameters": list(names)}
    if shallow_start is not None:
        shallow, _ = f.best(shallow_start)
        record["shallow"] = shallow.fval
    m, held = f.best(start)
    # Hesse is content with second derivatives to two per cent even at strategy 2, and its mixed ones are forward differences. Its steps
    # are such that F rises by eps^(1/4) (|F| + up): for an F in the thousands a standard deviation. So it is tightened, the value at the
    # minimum is taken off, and `up` is made a hundredth, which makes steps a thousandth of a standard deviation wide.
    f.offset = f.offset + m.fval
    plain = f.minuit(list(m.values), False, held, gradient=False)
    plain.strategy.hessian_g2_tolerance, plain.strategy.hessian_step_tolerance, plain.strategy.hessian_ncycles = 1e-5, 1e-3, 30
    plain.errordef = 0.005
    plain.hesse()
    exact = f.exact_errors(np.array(m.values), [k for k, n in enumerate(names) if m.fixed[n]])
    errors = [0.0 if m.fixed[n] else 10 * float(plain.errors[n]) for n in names]
    m, offset = f.minuit(list(m.values), False, held), f.offset
    m.migrad(ncall=1000000)
    values, nll_at = list(map(float, m.values)), m.fval + offset
    record |= {"nll": nll_at, "values": values, "errors": exact, "hesse": errors,
               "hesse_off": max(abs(a - b) / b for a, b in zip(errors, exact) if b > 0)}
    down, up = [None] * len(names), [None] * len(names)
    for k, n in enumerate(names):
        if m.fixed[n]:
            continue
        m.minos(n, ncall=1000000)
        interval = m.merrors[n]
        # An end beyond a bound of any parameter is another question: libsbi keeps to the bounds on the way.
        inside = lambda side: stays_inside(f, m, k, values[k] + side, held)
        down[k] = interval.lower if interval.lower_valid and inside(interval.lower) else None
        up[k] = interval.upper if interval.upper_valid and inside(interval.upper) else None
    for k in held:
        up[k] = f.upper_end(m, k) if values[k] == lower[k] else None
    return record | {"lower": down, "upper": up}


def stays_inside(f, m, k, x, held):
    """Whether the conditional minimum at names[k] = x lies within all bounds, and what is held at a bound is pushed against it."""
    start = np.array(m.values)
    start[k] = x
    c = f.minuit(start, False, [k, *held])
    c.migrad(ncall=1000000)
    at, g = np.array(c.values), np.asarray(f.gradient(jnp.asarray(np.array(c.values))))
    return bool(np.all((at >= f.lower) & (at <= f.upper)) and all(g[i] > 0 if at[i] == f.lower[i] else g[i] < 0 for i in held if i != k))


def records():
    for spec in UNBINNED:
        p = spec["parameters"]
        start, lower, upper = (np.array([q[key] for q in p]) for key in ("start", "lower", "upper"))
        shallow = None
        if "deep" in spec:
            shallow, start = start.copy(), start.copy()
            start[0], shallow[0] = spec["deep"], spec["shallow_start"]
        yield {"unbinned": spec} | fit(spec["name"], unbinned_nll(spec), [q["name"] for q in p], start, lower, upper, np.zeros(len(p), bool), shallow)
    for name in WORKSPACES:
        meta = read_npz(FOLDER / f"{name}.npz")[1]
        model, data = model_of(json.loads((FOLDER / meta["workspace"]).read_text()), meta["measurement"], meta["poi"])
        config = model.config
        lower, upper = np.array(config.suggested_bounds(), dtype=float).T
        yield {"workspace": meta["workspace"], "measurement": meta["measurement"]} | fit(
            name, functions(model, data)[1], config.par_names, np.array(config.suggested_init(), dtype=float), lower, upper,
            np.array(config.suggested_fixed()))


def compare(stored, made):
    worst, count = 0.0, 0
    assert [r["name"] for r in stored] == [r["name"] for r in made]
    for a, b in zip(stored, made):
        for key in ("values", "errors", "lower", "upper"):
            for x, y, e in zip(a[key], b[key], a["errors"]):
                assert (x is None) == (y is None), (a["name"], key)
                if x is not None:
                    worst, count = max(worst, abs(x - y) / (e or 1.0)), count + 1
    print(f"iminuit_models: {count} numbers of {len(made)} fits, largest difference {worst:.2g} standard deviations")
    return 0 if worst < 2e-4 else 1


def main():
    warnings.filterwarnings("ignore")
    pyhf.set_backend("jax", precision="64b")
    made = []
    for record in records():
        print(record["name"], f"{record['nll']:.9g}, Hesse off by {record['hesse_off']:.2g}", file=sys.stderr, flush=True)
        made.append(record)
    if "--check" in sys.argv[1:]:
        return compare(json.loads(STORED.read_text()), made)
    STORED.write_text("[\n" + ",\n".join(json.dumps(r) for r in made) + "\n]\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
