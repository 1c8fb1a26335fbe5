#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference values of binned models, computed with pyhf 0.7.6 (JAX backend, 64 bits).

Usage: make_pyhf.py          writes tests/data/pyhf: workspaces (pyhf_workspaces.py) NAME.json, and NAME.npz with the values
       make_pyhf.py --check  makes the values anew from the stored workspaces and compares

The environment variable SBI_LIKELIHOODS may name a folder of published likelihoods. Their values, not they themselves, are kept in
tests/data/pyhf/published, found by the SHA-256 of the file; without the variable those are left as they are.

A .npz holds, for a model of P parameters and n points:
    meta.json   workspace, sha256, measurement, poi, parameters: pyhf's names, in the order of the arrays;
                of published ones best_fit and minimum: -2 ln L where MINUIT stops, and at the bottom
    start, lower, upper [P], fixed [P] (0 or 1): pyhf's suggestions
    points [n, P], value [n] (-ln L with pyhf's constants), gradient [n, P], hessian [m, P, P] at the first m points
The points: inside; the start; |alpha| > 1, and with the other sign; |alpha| = 1. Parameters that pyhf fixes because their uncertainty is
zero stay where they are.

Where a bin expects nothing and nothing is observed pyhf's value is right, but its gradient is 0/0; there derivatives are taken with
such bins as +lambda instead, which is their term."""

import hashlib
import io
import json
import os
import pathlib
import sys
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
from jax.scipy.special import gammaln, xlogy

import pyhf_workspaces

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "data" / "pyhf"
ALL_HESSIANS_UP_TO = 30  # parameters; larger models have one, at the first point
TOLERANCE = 1e-12


def write_npz(path, arrays, meta):
    """As numpy.savez_compressed, with times fixed so that equal content is equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for name, array in arrays.items():
            memory = io.BytesIO()
            np.lib.format.write_array(memory, np.ascontiguousarray(array))
            out.writestr(zipfile.ZipInfo(f"{name}.npy"), memory.getvalue(), zipfile.ZIP_DEFLATED)
        out.writestr(zipfile.ZipInfo("meta.json"), json.dumps(meta, ensure_ascii=False, indent=1), zipfile.ZIP_DEFLATED)


def read_npz(path):
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        arrays = {n[:-4]: np.load(io.BytesIO(archive.read(n))) for n in names if n.endswith(".npy")}
        return arrays, json.loads(archive.read("meta.json"))


def model_of(spec, measurement, poi):
    workspace = pyhf.Workspace(spec)
    model = workspace.model(measurement_name=measurement, poi_name=poi or None)
    return model, np.asarray(workspace.data(model), dtype=np.float64)


def kinds_of(config):
    """For each parameter: alpha (of normsys and histosys), gamma (constrained about 1, or lumi), factor, or still."""
    kind = np.empty(config.npars, dtype=object)
    fixed = config.suggested_fixed()
    for name in config.par_order:
        parset = config.param_set(name)
        for index in range(*config.par_slice(name).indices(config.npars)):
            if not parset.constrained:
                kind[index] = "factor"
            elif parset.is_scalar and name != "lumi":
                kind[index] = "alpha"
            else:
                kind[index] = "still" if fixed[index] and not parset.is_scalar else "gamma"
    return kind


def points_of(model, hessian):
    """Points at which every expected bin content is positive, or zero at the start already, and pyhf's derivatives exist: where
    a polynomial of code 4 is negative its b**1 has none for JAX."""
    config, rng = model.config, np.random.default_rng(model.config.npars)
    n, kind = config.npars, kinds_of(config)
    start = np.array(config.suggested_init(), dtype=np.float64)
    lower, upper = np.array(config.suggested_bounds(), dtype=np.float64).T
    nothing = np.asarray(model.expected_actualdata(start)) == 0
    signs = rng.choice([-1.0, 1.0], n)

    def draw(which, share):
        """share: of the alphas outside [-1, 1]; products of hundreds of them leave all sense behind."""
        inside = rng.uniform(-0.9, 0.9, n)
        alpha = {
            "inside": inside, "outside": signs * rng.uniform(1.05, 2.8, n), "opposite": -signs * rng.uniform(1.05, 2.8, n),
            "edge": rng.choice([-1.0, 1.0], n),
        }[which]
        alpha = np.where(rng.uniform(size=n) < share, alpha, inside if which != "edge" else 0.0)
        gamma = np.clip(start * (1 + rng.uniform(-0.15, 0.15, n)), lower, upper)
        room = np.minimum(upper - start, start - lower)
        factor = np.where(room > 0, start + rng.uniform(-0.5, 0.9, n) * np.minimum(room, 1), start + 0.3 * (upper - start))
        return np.select([kind == "alpha", kind == "gamma", kind == "factor"], [alpha, gamma, factor], start)

    points = []
    for which in ("inside", "outside", "opposite", "edge"):
        for attempt in range(400):
            point = draw(which, 0.99**attempt)
            expected = np.asarray(model.expected_actualdata(point))
            if np.all((expected > 0) | (nothing & (expected == 0))) and np.isfinite(hessian(point)).all():
                break
        else:
            raise RuntimeError(f"{which}: no point with positive expectations")
        points.append(point)
    return np.array([points[0], start, *points[1:]])


def functions(model, data):
    """-ln L of pyhf, and a function with the same value and derivatives that has them where bins are empty too."""
    data = jnp.asarray(data)
    n = model.config.nmaindata
    start = np.array(model.config.suggested_init())
    empty = (np.asarray(model.expected_actualdata(start)) == 0) & (np.asarray(data[:n]) == 0)
    full = np.flatnonzero(~empty)

    def nll(theta):
        return -model.logpdf(theta, data)[0]

    def nll_with_empty_bins(theta):
        expected, observed = model.expected_actualdata(theta), data[:n]
        main = jnp.sum(xlogy(observed[full], expected[full]) - gammaln(observed[full] + 1)) - jnp.sum(expected)
        return -main - model.constraint_logpdf(data[n:], theta)

    return nll, nll_with_empty_bins if empty.any() else nll


def values(model, data, points=None, n_hessians=None):
    nll, smooth = functions(model, data)
    value, gradient, hessian = jax.jit(nll), jax.jit(jax.grad(smooth)), jax.jit(jax.hessian(smooth))
    if points is None:
        points = points_of(model, hessian)
        n_hessians = len(points) if model.config.npars <= ALL_HESSIANS_UP_TO else 1
    out = {
        "points": points,
        "value": np.array([value(p) for p in points]),
        "gradient": np.array([gradient(p) for p in points]),
        "hessian": np.array([hessian(p) for p in points[:n_hessians]]),
    }
    np.testing.assert_allclose([smooth(p) for p in points], out["value"], rtol=1e-12)
    assert all(np.isfinite(a).all() for a in out.values())
    return out


def reference(spec, meta):
    """(arrays, meta) of one measurement."""
    model, data = model_of(spec, meta["measurement"], meta["poi"])
    config = model.config
    lower, upper = np.array(config.suggested_bounds(), dtype=np.float64).T
    arrays = {
        "start": np.array(config.suggested_init(), dtype=np.float64), "lower": lower, "upper": upper,
        "fixed": np.array(config.suggested_fixed(), dtype=np.int32),
    }
    return arrays | values(model, data), meta | {"parameters": list(config.par_names)}


def write_workspaces():
    for old in FOLDER.glob("*.*"):
        old.unlink()
    for name, spec in pyhf_workspaces.all_workspaces():
        (FOLDER / f"{name}.json").write_text(json.dumps(spec, ensure_ascii=False, separators=(",", ":")) + "\n")
        for number, m in enumerate(spec["measurements"]):
            meta = {"workspace": f"{name}.json", "measurement": m["name"], "poi": m["config"]["poi"]}
            write_npz(FOLDER / f"{name}{f'.{number}' if number else ''}.npz", *reference(spec, meta))


def best_fit(spec, meta):
    """-2 ln L where pyhf's MINUIT stops, and at the bottom, by Newton's steps from there with pyhf's own derivatives."""
    pyhf.set_backend("jax", pyhf.optimize.minuit_optimizer(), precision="64b")
    model, data = model_of(spec, meta["measurement"], meta["poi"])
    theta, t = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
    theta, (lower, upper) = np.array(theta), np.array(model.config.suggested_bounds()).T
    nll, _ = functions(model, data)
    gradient, hessian = jax.jit(jax.grad(nll)), jax.jit(jax.hessian(nll))
    free = np.flatnonzero(~np.array(model.config.suggested_fixed()))
    for _ in range(10):
        step = np.linalg.solve(np.asarray(hessian(theta))[np.ix_(free, free)], np.asarray(gradient(theta))[free])
        theta[free] -= step
    assert np.abs(step).max() < 1e-9 and np.all((theta > lower) & (theta < upper))
    return {"best_fit": float(t), "minimum": 2 * float(nll(theta))}


def published():
    """(path, bytes) of the files in SBI_LIKELIHOODS."""
    folder = os.environ.get("SBI_LIKELIHOODS")
    if not folder:
        print("make_pyhf: SBI_LIKELIHOODS is not set: the published likelihoods are left out")
        return []
    return [(path, path.read_bytes()) for path in sorted(pathlib.Path(folder).glob("*.json"))]


def write_published():
    for path, content in published():
        # Background-only workspaces name a parameter of interest that they do not have; "" is none.
        spec = json.loads(content)
        meta = {"sha256": hashlib.sha256(content).hexdigest(), "measurement": spec["measurements"][0]["name"], "poi": ""}
        arrays, meta = reference(spec, meta)
        meta |= best_fit(spec, meta)
        (FOLDER / "published").mkdir(exist_ok=True)
        write_npz(FOLDER / "published" / f"{path.stem}.npz", arrays, meta)


def compare(path, spec):
    arrays, meta = read_npz(path)
    model, data = model_of(spec, meta["measurement"], meta["poi"])
    assert model.config.par_names == meta["parameters"], path
    for key, now in values(model, data, arrays["points"], len(arrays["hessian"])).items():
        scale = max(1.0, np.abs(arrays[key]).max())
        np.testing.assert_allclose(now / scale, arrays[key] / scale, rtol=0, atol=TOLERANCE, err_msg=f"{path}: {key}")


def check():
    count = 0
    for path in sorted(FOLDER.glob("*.npz")):
        compare(path, json.loads((FOLDER / read_npz(path)[1]["workspace"]).read_text()))
        count += 1
    by_hash = {read_npz(path)[1]["sha256"]: path for path in (FOLDER / "published").glob("*.npz")}
    for path, content in published():
        stored = by_hash.get(hashlib.sha256(content).hexdigest())
        if stored:
            compare(stored, json.loads(content))
            count += 1
    assert count >= 44, count
    print(f"make_pyhf: stored values of {count} models reproduced")


def main():
    pyhf.set_backend("jax", precision="64b")
    if "--check" in sys.argv:
        check()
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_workspaces()
    write_published()


if __name__ == "__main__":
    main()
