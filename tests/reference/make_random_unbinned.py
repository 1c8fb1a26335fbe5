#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Twenty random unbinned models, computed with JAX in f64.

Usage: make_random_unbinned.py [NN...]  writes tests/data/random: NN.json, what a model is, and NN.npz, its values
       make_random_unbinned.py --check  makes the values anew from NN.json and compares

Columns are not stored: they are numbers of the counter-based generator of lib/base/random.h (an implementation of its own is below), so
the test makes the same ones. Element i of a column of stream s is u = uniform(seed, s, i), turned into

    weights     signed ? (u < 0.05 ? -0.5 : 0.5 + u) : 0.5 + u        stream 0
    ratios      0.4 + 1.2 u                                           stream 1000 + process
    variations  x = amplitude (2 u - 1), log or 1 + x for ratios      stream 100000 + 2000 process + 2 nuisance + (0 up, 1 down)
                f32: rounded; f16: x = (floor(2048 u) - 1024) / 32768 as logs, (floor(81 u) - 40) / 1024 as ratios

and those of the integration sample are the streams 1000000 further. The model is that of docs/model.md, each process with morphs of several
interpolation codes (docs/interpolation.md). .npz: points [n, P], value [n], gradient [n, P], hessian [m, P (P + 1) / 2] (upper triangles at
the first m points). The points: alphas from -5 to 5 with some at -1, 0 and 1; within [-1, 1]; all of them far out."""

import json
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
FOLDER = pathlib.Path(__file__).resolve().parents[1] / "data" / "random"
INTEGRATION = 1000000
ALL_HESSIANS_UP_TO = 45  # parameters
# processes, nuisances, events, integration events, dtype, storage, signed weights, codes (40 is 4p)
MODELS = [
    (1, 0, 300, 0, "f64", "ratio", False, [4]),
    (2, 1, 400, 0, "f64", "ratio", False, [4]),
    (2, 3, 300, 250, "f64", "log", False, [4]),
    (3, 4, 300, 0, "f32", "ratio", False, [1]),
    (3, 5, 2500, 0, "f64", "ratio", True, [4]),
    (4, 6, 300, 200, "f32", "log", False, [4]),
    (4, 8, 250, 0, "f64", "ratio", False, [0]),
    (4, 10, 250, 150, "f64", "ratio", False, [2]),
    (4, 12, 250, 150, "f64", "ratio", False, [40]),
    (5, 15, 300, 0, "f16", "log", False, [4]),
    (5, 20, 300, 200, "f16", "ratio", False, [1, 4]),
    (5, 25, 300, 150, "f32", "ratio", True, [0, 1, 2, 4, 40]),
    (6, 30, 300, 0, "f64", "log", False, [0, 1, 2, 4, 40]),
    (6, 40, 300, 200, "f32", "ratio", False, [0, 2, 40]),
    (1, 50, 300, 200, "f64", "ratio", False, [1, 4]),
    (2, 60, 300, 0, "f32", "log", True, [4]),
    (3, 80, 250, 200, "f64", "ratio", False, [0, 1, 2, 4, 40]),
    (4, 100, 300, 0, "f64", "ratio", False, [4]),
    (4, 120, 200, 150, "f16", "log", False, [0, 1, 2, 4, 40]),
    (6, 200, 200, 150, "f64", "log", False, [4, 40]),
]
TRIO = ["mu - sqrt(mu)", "sqrt(mu)", "1 - sqrt(mu)"]
CHOICES = {
    1: ["mu"], 2: ["mu", None], 3: ["mu", "0.3*k - 0.1", None], 4: [*TRIO, None], 5: [*TRIO, None, "k"],
    6: [*TRIO, None, "k", "-0.15*k^2"],
}
FACTORS = {
    None: lambda mu, k: 1.0, "mu": lambda mu, k: mu, "k": lambda mu, k: k, "0.3*k - 0.1": lambda mu, k: 0.3 * k - 0.1,
    "-0.15*k^2": lambda mu, k: -0.15 * k * k, "mu - sqrt(mu)": lambda mu, k: mu - jnp.sqrt(mu),
    "sqrt(mu)": lambda mu, k: jnp.sqrt(mu), "1 - sqrt(mu)": lambda mu, k: 1 - jnp.sqrt(mu),
}
YIELDS = {"mu - sqrt(mu)": 0.2, "sqrt(mu)": 0.5, "1 - sqrt(mu)": 0.5, None: 0.9, "k": 0.3, "0.3*k - 0.1": 0.4, "-0.15*k^2": 0.2, "mu": 0.5}


def philox(counter, key):
    """Philox4x32-10 of arrays of counters: four arrays of 32 bits, held in 64."""
    mask = np.uint64(2**32 - 1)
    c, k = list(counter), [np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32)]
    for _ in range(10):
        p, q = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(q >> np.uint64(32)) ^ c[1] ^ k[0], q & mask, (p >> np.uint64(32)) ^ c[3] ^ k[1], p & mask]
        k = [(k[0] + np.uint64(0x9E3779B9)) & mask, (k[1] + np.uint64(0xBB67AE85)) & mask]
    return c


def uniform(seed, stream, n):
    index, zero = np.arange(n, dtype=np.uint64), np.zeros(n, dtype=np.uint64)
    w = philox([index, zero, zero + np.uint64(stream), zero], seed)
    bits = w[1] << np.uint64(32) | w[0]
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) / 2.0**52


def variation(spec, stream, n):
    u, log = uniform(spec["seed"], stream, n), spec["storage"] == "log"
    if spec["dtype"] == "f16":
        x = (np.floor(2048 * u) - 1024) / 32768 if log else (np.floor(81 * u) - 40) / 1024
    else:
        x = spec["amplitude"] * (2 * u - 1)
    x = x if log else 1 + x
    stored = x.astype({"f64": np.float64, "f32": np.float32, "f16": np.float16}[spec["dtype"]]).astype(np.float64)
    assert spec["dtype"] != "f16" or np.all(stored == x)
    return np.exp(stored) if log else stored


def specification(number, n_processes, n_nuisances, n_events, n_integration, dtype, storage, signed, codes):
    rng = np.random.default_rng(9000 + number)
    # Small enough for every factor to stay positive at alpha = 5; code 2 grows fastest.
    limit = 0.25 if not set(codes) & {0, 2, 40} else 0.06 if 2 in codes else 0.15
    code_of = [int(rng.choice(codes)) for _ in range(n_nuisances)]
    processes = []
    for factor in CHOICES[n_processes]:
        used = [k for k in range(n_nuisances) if n_nuisances < 4 or rng.uniform() < 0.85]
        morphs = [{"code": c, "nuisances": [k for k in used if code_of[k] == c]} for c in codes]
        yields = [[k, round(rng.uniform(0.95, 1.06), 3), round(rng.uniform(0.95, 1.06), 3)] for k in used if rng.uniform() < 0.3]
        processes.append({
            "factor": factor, "yield": round(YIELDS[factor] * n_events, 1),
            "morphs": [m for m in morphs if m["nuisances"]], "normsys": yields,
        })
    return {
        "seed": 7000 + number, "events": n_events, "integration": n_integration, "dtype": dtype, "storage": storage,
        "signed": signed, "amplitude": float(f"{min(limit, 0.3 / max(n_nuisances, 1) ** 0.5):.3g}"), "nuisances": n_nuisances,
        "factors_use_k": n_processes in (3, 5, 6), "processes": processes,
        "constraints": [[round(rng.uniform(-0.3, 0.3), 2), round(rng.uniform(0.6, 1.4), 2)] for _ in range(n_nuisances)],
    }


def interpolation(code, a, u, d):
    b, q = (u - d) / 2, (u + d) / 2 - 1
    if code == 0:
        return jnp.where(a >= 0, 1 + a * (u - 1), 1 + a * (1 - d))
    if code == 1:
        return jnp.where(a >= 0, u**a, d ** (-a))
    if code == 2:
        inside = 1 + b * a + q * a * a
        return jnp.where(a > 1, u + (b + 2 * q) * (a - 1), jnp.where(a < -1, d + (b - 2 * q) * (a + 1), inside))
    if code == 40:
        inside = 1 + b * a + q / 8 * a * a * (15 + a * a * (-10 + 3 * a * a))
        return jnp.where(a > 1, 1 + a * (u - 1), jnp.where(a < -1, 1 + a * (1 - d), inside))
    s0, a0, ul, dl = (u + d) / 2, (u - d) / 2, u * jnp.log(u), d * jnp.log(d)
    ull, dll = ul * jnp.log(u), dl * jnp.log(d)
    s1, a1, s2, a2 = (ul - dl) / 2, (ul + dl) / 2, (ull + dll) / 2, (ull - dll) / 2
    c = [(15 * a0 - 7 * s1 + a2) / 8, (-24 + 24 * s0 - 9 * a1 + s2) / 8, (-5 * a0 + 5 * s1 - a2) / 4,
         (12 - 12 * s0 + 7 * a1 - s2) / 4, (3 * a0 - 3 * s1 + a2) / 8, (-8 + 8 * s0 - 5 * a1 + s2) / 8]
    inside = 1 + a * (c[0] + a * (c[1] + a * (c[2] + a * (c[3] + a * (c[4] + a * c[5])))))
    return jnp.where(a > 1, u**a, jnp.where(a < -1, d ** (-a), inside))


def columns_of(spec):
    """Everything that depends on events: passed to compiled functions, since XLA would spend minutes on folding constants."""
    seed, n, n_int = spec["seed"], spec["events"], spec["integration"]
    w = uniform(seed, 0, n)
    parts = []
    for offset, size in ((0, n), (INTEGRATION, n_int)):
        parts.append([
            {"ratio": 0.4 + 1.2 * uniform(seed, offset + 1000 + p, size),
             "morphs": [[np.array([variation(spec, offset + 100000 + 2000 * p + 2 * k + side, size) for k in m["nuisances"]])
                         for side in (0, 1)] for m in process["morphs"]]}
            for p, process in enumerate(spec["processes"])
        ])
    return {
        "w": np.where(w < 0.05, -0.5, 0.5 + w) if spec["signed"] else 0.5 + w, "v": 0.5 + uniform(seed, INTEGRATION, n_int),
        "events": parts[0], "integration": parts[1],
    }


def likelihood(spec):
    """theta, columns -> (sum of the expected yields, densities of the events, constraint); number of parameters"""
    first = 2 if spec["factors_use_k"] else 1
    centre, sigma = np.array(spec["constraints"]).reshape(-1, 2).T

    def density(process, part, alpha):
        log = 0.0
        for m, (up, down) in zip(process["morphs"], part["morphs"]):
            # Every factor is positive; a sum of logarithms is differentiated far faster than a product.
            log = log + jnp.sum(jnp.log(interpolation(m["code"], alpha[np.array(m["nuisances"])][:, None], up, down)), axis=0)
        return part["ratio"] * jnp.exp(log)

    def terms(theta, columns):
        mu, k, alpha = theta[0], theta[1] if first == 2 else 0.0, theta[first:]
        total, mixture = 0.0, 0.0
        for process, events, integration in zip(spec["processes"], columns["events"], columns["integration"]):
            nu = process["yield"] * FACTORS[process["factor"]](mu, k)
            for index, hi, lo in process["normsys"]:
                nu = nu * interpolation(4, alpha[index], hi, lo)
            z = 1.0
            if spec["integration"]:
                v = columns["v"]
                z = jnp.sum(v * density(process, integration, alpha)) / jnp.sum(v * integration["ratio"])
            total, mixture = total + nu, mixture + nu * density(process, events, alpha) / z
        return total, mixture, jnp.sum((alpha - centre) ** 2 / (2 * sigma**2))

    return terms, first + spec["nuisances"]


def points_of(spec, mixture, n_params):
    """Random points at which the density of every event is well above zero."""
    rng, k = np.random.default_rng(spec["seed"]), spec["nuisances"]

    def draw(which, shrink):
        special = rng.choice([-1.0, 0.0, 1.0], k)
        alpha = {
            "mixed": np.where(rng.uniform(size=k) < 0.2, special, shrink * rng.uniform(-5, 5, k)), "inside": rng.uniform(-1, 1, k),
            "far": shrink * rng.choice([-1.0, 1.0], k) * rng.uniform(3, 5, k),
        }[which]
        return np.concatenate([rng.uniform(0.6, 1.8, n_params - k), alpha])

    points = []
    for which in ("mixed", "inside", "far"):
        for attempt in range(200):
            point = draw(which, 0.99**attempt)
            density = np.asarray(mixture(point))
            if density.min() > 0.05 * density.mean():
                break
        else:
            raise RuntimeError(f"{which}: no point with positive densities")
        points.append(point)
    return np.array(points)


def values(spec, points=None):
    terms, n_params = likelihood(spec)
    columns = jax.tree.map(jnp.asarray, columns_of(spec))

    def nll(theta):
        total, mixture, constraint = terms(theta, columns)
        return total - jnp.sum(columns["w"] * jnp.log(mixture)) + constraint

    def hessian(theta):
        """Some tangents at a time, to save memory."""
        product = jax.vmap(jax.linearize(jax.grad(nll), theta)[1])
        identity = jnp.eye(n_params)
        return np.concatenate([product(identity[i:i + 16]) for i in range(0, n_params, 16)])

    # Operation by operation: XLA takes minutes to compile each of these functions, and they run a few times.
    if points is None:
        points = points_of(spec, lambda theta: terms(theta, columns)[1], n_params)
    both = [jax.value_and_grad(nll)(jnp.asarray(p)) for p in points]
    with_hessian = points if n_params <= ALL_HESSIANS_UP_TO else points[:1]
    return {
        "points": points, "value": np.array([v for v, _ in both]), "gradient": np.array([g for _, g in both]),
        "hessian": np.array([hessian(jnp.asarray(p))[np.triu_indices(n_params)] for p in with_hessian]),
    }


def check():
    paths = sorted(FOLDER.glob("*.json"))
    assert len(paths) == len(MODELS), len(paths)
    for path in paths:
        stored = np.load(path.with_suffix(".npz"))
        for key, now in values(json.loads(path.read_text()), stored["points"]).items():
            scale = max(1.0, np.abs(stored[key]).max())
            np.testing.assert_allclose(now / scale, stored[key] / scale, rtol=0, atol=1e-12, err_msg=f"{path}: {key}")
    print(f"make_random_unbinned: stored values of {len(paths)} models reproduced")


def main():
    if "--check" in sys.argv:
        check()
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number in map(int, sys.argv[1:] or range(1, len(MODELS) + 1)):
        spec = specification(number, *MODELS[number - 1])
        (FOLDER / f"{number:02d}.json").write_text(json.dumps(spec) + "\n")
        np.savez_compressed(FOLDER / f"{number:02d}.npz", **values(spec))


if __name__ == "__main__":
    main()
