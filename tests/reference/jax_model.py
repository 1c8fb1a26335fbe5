#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference values of whole models, computed with JAX in f64.

Usage: jax_model.py          writes tests/data/model: columns, two workspaces (with and without normalisation), reference.json
       jax_model.py --check  makes the numbers anew from the stored columns and compares them with reference.json

The model is written as docs/model.md says and knows nothing of libsbi: interference factors with negative coefficients,
ratios of both signs, normsys, eventsys, constraints of non-unit width. The points have |alpha| below, at and above 1."""

import json
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
FOLDER = pathlib.Path(__file__).resolve().parents[1] / "data" / "model"
EVENTS, INTEGRATION = 60, 80
NUISANCES = ["JES", "JER", "PDF"]
SAMPLES = {"S": (180.0, "mu - sqrt(mu)"), "SBI": (420.0, "sqrt(mu)"), "B": (470.0, "1 - sqrt(mu)"), "NI": (700.0, None)}
FACTORS = {
    "S": lambda mu: mu - jnp.sqrt(mu), "SBI": jnp.sqrt, "B": lambda mu: 1 - jnp.sqrt(mu), "NI": lambda mu: 1.0,
}
NORMSYS = {("S", "JES"): (1.03, 0.96), ("SBI", "JES"): (1.02, 0.97), ("NI", "PDF"): (0.95, 1.07)}
EVENTSYS = [("S", "JES"), ("S", "JER"), ("SBI", "JES"), ("SBI", "PDF"), ("B", "JER"), ("NI", "JES"), ("NI", "PDF")]
SIGMA = {"JES": 1.0, "JER": 0.8, "PDF": 1.0}
AUXILIARY = {"JES": 0.0, "JER": 0.1, "PDF": 0.0}
POINTS = [[1.3, 0.2, -0.6, 0.9], [0.7, 1.0, -1.0, 0.0], [2.5, -1.4, 2.2, 1.7], [1.0, 0.0, 0.0, 0.0]]


def write_columns():
    rng = np.random.default_rng(20)

    def save(name, values):
        np.save(FOLDER / f"{name}.npy", values)

    for part, n in (("", EVENTS), ("_integration", INTEGRATION)):
        save(f"weights{part}", rng.uniform(0.5, 1.5, n) if not part else rng.uniform(0.5, 1.5, n) / n)
        for sample in SAMPLES:
            ratio = rng.uniform(0.4, 1.6, n)
            if sample == "B":
                ratio[3] = -0.01  # learnt ratios may cross zero
            save(f"{sample}{part}", ratio)
        for sample, nuisance in EVENTSYS:
            for side in ("hi", "lo"):
                save(f"{sample}_{nuisance}_{side}{part}", rng.uniform(0.9, 1.1, n).astype(np.float32))


def workspace(normalise):
    samples = []
    for name, (expected, factor) in SAMPLES.items():
        modifiers = []
        for (sample, nuisance), (hi, lo) in NORMSYS.items():
            if sample == name:
                modifiers.append({"name": nuisance, "type": "normsys", "data": {"hi": hi, "lo": lo}})
        for sample, nuisance in EVENTSYS:
            if sample == name:
                data = {side: f"{name}_{nuisance}_{side}.npy" for side in ("hi", "lo")}
                if normalise:
                    data |= {f"{side}_integration": f"{name}_{nuisance}_{side}_integration.npy" for side in ("hi", "lo")}
                modifiers.append({"name": nuisance, "type": "eventsys", "data": data})
        entry = {"name": name, "yield": expected, "ratio": f"{name}.npy", "modifiers": modifiers}
        if factor:
            entry["factor"] = factor
        if normalise:
            entry["ratio_integration"] = f"{name}_integration.npy"
        samples.append(entry)
    channel = {"name": "SR", "events": {"weights": "weights.npy"}, "samples": samples}
    if normalise:
        channel["integration"] = {"weights": "weights_integration.npy"}
    parameters = [{"name": "mu", "inits": [1.0], "bounds": [[0.0, 9.0]]}]
    parameters += [{"name": k, "sigmas": [SIGMA[k]], "auxdata": [AUXILIARY[k]]} for k in NUISANCES]
    return {
        "version": "1.0.0", "channels": [channel],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": parameters}}],
    }


def code4(alpha, up, down):
    s0, a0 = (up + down) / 2, (up - down) / 2
    ul, dl = up * jnp.log(up), down * jnp.log(down)
    ull, dll = ul * jnp.log(up), dl * jnp.log(down)
    s1, a1, s2, a2 = (ul - dl) / 2, (ul + dl) / 2, (ull + dll) / 2, (ull - dll) / 2
    c = [(15 * a0 - 7 * s1 + a2) / 8, (-24 + 24 * s0 - 9 * a1 + s2) / 8, (-5 * a0 + 5 * s1 - a2) / 4,
         (12 - 12 * s0 + 7 * a1 - s2) / 4, (3 * a0 - 3 * s1 + a2) / 8, (-8 + 8 * s0 - 5 * a1 + s2) / 8]
    inside = 1 + sum(c[n] * alpha ** (n + 1) for n in range(6))
    return jnp.where(alpha > 1, up**alpha, jnp.where(alpha < -1, down ** (-alpha), inside))


def nll_function(normalise):
    load = lambda name: jnp.asarray(np.load(FOLDER / f"{name}.npy").astype(np.float64))

    def nll(theta):
        mu, alpha = theta[0], dict(zip(NUISANCES, theta[1:]))

        def density(sample, part):
            out = load(f"{sample}{part}")
            for s, k in EVENTSYS:
                if s == sample:
                    out = out * code4(alpha[k], load(f"{s}_{k}_hi{part}"), load(f"{s}_{k}_lo{part}"))
            return out

        total, mixture = 0.0, 0.0
        for sample, (expected, _) in SAMPLES.items():
            nu = expected * FACTORS[sample](mu)
            for (s, k), (hi, lo) in NORMSYS.items():
                if s == sample:
                    nu = nu * code4(alpha[k], hi, lo)
            total = total + nu
            z = 1.0
            if normalise:
                v = load("weights_integration")
                z = jnp.sum(v * density(sample, "_integration")) / jnp.sum(v * load(f"{sample}_integration"))
            mixture = mixture + nu * density(sample, "") / z
        constraint = sum((alpha[k] - AUXILIARY[k]) ** 2 / (2 * SIGMA[k] ** 2) for k in NUISANCES)
        return total - jnp.sum(load("weights") * jnp.log(mixture)) + constraint

    return nll


def reference():
    out = {}
    for name, normalise in (("plain", False), ("normalised", True)):
        nll = nll_function(normalise)
        out[name] = [
            {"theta": p, "value": float(nll(jnp.array(p))), "gradient": jax.grad(nll)(jnp.array(p)).tolist(),
             "hessian": jax.hessian(nll)(jnp.array(p)).tolist()}
            for p in POINTS
        ]
    return out


def main():
    path = FOLDER / "reference.json"
    if "--check" in sys.argv:
        stored, now = json.loads(path.read_text()), reference()
        for name in stored:
            for a, b in zip(stored[name], now[name]):
                for key in ("value", "gradient", "hessian"):
                    np.testing.assert_allclose(b[key], a[key], rtol=1e-12, atol=1e-10)
        print("jax_model: stored values reproduced")
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_columns()
    for name, normalise in (("plain", False), ("normalised", True)):
        (FOLDER / f"{name}.json").write_text(json.dumps(workspace(normalise), indent=1) + "\n")
    path.write_text(json.dumps(reference(), indent=1) + "\n")


if __name__ == "__main__":
    main()
