#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pyhf's fits of published likelihoods, for tests/unit/test_fit_published.c.

    SBI_LIKELIHOODS=FOLDER pyhf_published.py           writes tests/reference/pyhf_published.json
    SBI_LIKELIHOODS=FOLDER pyhf_published.py --check   makes them anew and compares

pyhf 0.7.6 with JAX and MINUIT, as it comes and at a tolerance of 1e-4 (a thousandth of its own). `values` and `t` are where the second
one stops, and `errors` are of the inverse of pyhf's exact Hessian there, after Newton steps to the bottom; `bottom` is -2 ln L there.
`minuit_t`, `minuit_off` and `minuit_errors_off` tell about MINUIT as it comes: -2 ln L, how far the worst parameter is from the bottom in
standard deviations, and the largest relative error of its errors. `tight_...` the same of the second. Parameters without an error are
fixed, or at a bound. The files themselves are not kept: they are known by their SHA-256."""

import hashlib
import json
import os
import pathlib
import sys
import time
import warnings

import numpy as np
import pyhf

from make_pyhf import functions, model_of
from pyhf_fit import newton

STORED = pathlib.Path(__file__).resolve().parent / "pyhf_published.json"


def minuit(model, data, tolerance):
    pyhf.set_backend("jax", pyhf.optimize.minuit_optimizer(tolerance=tolerance, maxiter=1000000), precision="64b")
    start = time.perf_counter()
    pairs, t = pyhf.infer.mle.fit(data, model, return_uncertainties=True, return_fitted_val=True)
    return np.asarray(pairs)[:, 0].astype(float), np.asarray(pairs)[:, 1].astype(float), float(t), time.perf_counter() - start


def record(path):
    content = path.read_bytes()
    spec = json.loads(content)
    model, data = model_of(spec, spec["measurements"][0]["name"], "")
    lower, upper = np.array(model.config.suggested_bounds(), dtype=float).T
    fixed = np.array(model.config.suggested_fixed())
    out = {"name": path.stem, "sha256": hashlib.sha256(content).hexdigest(), "parameters": list(model.config.par_names)}
    for key, tolerance in (("minuit", 0.1), ("tight", 1e-4)):
        values, uncertainties, t, seconds = minuit(model, data, tolerance)
        nll, smooth = functions(model, data)
        bottom, errors, flat = newton(smooth, values, fixed, lower, upper)
        free = errors > 0
        out |= {f"{key}_t": t, f"{key}_off": float(np.max(np.abs(values - bottom)[free] / errors[free])),
                f"{key}_errors_off": float(np.max(np.abs(uncertainties - errors)[free] / errors[free])), "flat": flat}
        worst = int(np.argmax(np.where(free, np.abs(uncertainties - errors) / np.where(free, errors, 1), 0)))
        print(f"{path.stem}: tolerance {tolerance}: {seconds:.1f} s, -2 ln L {t:.9f}, off {out[f'{key}_off']:.2g}, errors off {out[f'{key}_errors_off']:.2g} "
              f"({out['parameters'][worst]}: {uncertainties[worst]:.5g} for {errors[worst]:.5g})", file=sys.stderr, flush=True)
    return out | {"values": values.tolist(), "errors": errors.tolist(), "bottom": 2 * float(nll(bottom))}


def main():
    warnings.filterwarnings("ignore")
    folder = os.environ.get("SBI_LIKELIHOODS")
    if not folder:
        print("pyhf_published: SBI_LIKELIHOODS is not set: nothing to do")
        return 0
    pyhf.set_backend("jax", precision="64b")
    made = [record(path) for path in sorted(pathlib.Path(folder).glob("*.json"))]
    if "--check" not in sys.argv[1:]:
        STORED.write_text("[\n" + ",\n".join(json.dumps(r) for r in made) + "\n]\n")
        return 0
    known, worst, count = {r["sha256"]: r for r in json.loads(STORED.read_text())}, 0.0, 0
    for b in made:
        a = known.get(b["sha256"])
        if a:
            worst = max([worst, abs(a["bottom"] - b["bottom"])] + [abs(x - y) / e for x, y, e in zip(a["values"], b["values"], a["errors"]) if e])
            count += 1
    print(f"pyhf_published: {count} fits reproduced, largest difference {worst:.2g}")
    return 0 if worst < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
