# SPDX-License-Identifier: Apache-2.0
"""A likelihood of libsbi minimised by scipy with exact derivatives of first and second order.

python scipy_minimise.py workspace.json fits Asimov data with the parameter of interest at one and a half times its start value, by
    trust-ncg      value, gradient and Hessian-vector products: nothing of size P x P is ever made; it knows no bounds
    trust-exact    value, gradient and the full Hessian; no bounds either
    trust-constr   the same within the model's bounds
It prints each minimum beside that of libsbi's own fit and fails if they differ.
"""

import sys

import numpy as np
import sbi

try:
    from scipy.optimize import Bounds, minimize
except ImportError:
    print("scipy        skipped: it is not installed")
    sys.exit(0)

loaded = sbi.Model(sys.argv[1])
truth = loaded.start
truth[loaded.parameters.index(loaded.poi)] *= 1.5
model = loaded.asimov(truth)
nll = model.evaluator()
parameters = [model.parameter(name) for name in model.parameters]
fixed = np.array([p.fixed for p in parameters], dtype=bool)
free = np.flatnonzero(~fixed)
origin = model.start


def full(x):
    """All parameters from the free ones."""
    theta = origin.copy()
    theta[free] = x
    return theta


def value_and_gradient(x):
    """scipy asks for both at once (jac=True): one pass over the events."""
    value, gradient = nll.value_and_gradient(full(x))
    return value, gradient[free]


def product(x, v):
    vector = np.zeros(len(origin))
    vector[free] = v
    return nll.hvp(full(x), vector)[free]


def hessian(x):
    return nll.hessian(full(x))[np.ix_(free, free)]


bounds = Bounds([parameters[k].lower for k in free], [parameters[k].upper for k in free])
methods = {
    "trust-ncg": dict(hessp=product, options={"gtol": 1e-7}),
    "trust-exact": dict(hess=hessian, options={"gtol": 1e-7}),
    "trust-constr": dict(hess=hessian, bounds=bounds, options={"gtol": 1e-7}),
}
best = sbi.Fit(model)
print(f"{'libsbi':12s} NLL {best.nll:.9f}", *(f" {k} {v:.5f}" for k, v in zip(model.parameters, best.values)))
failed = []
for name, more in methods.items():
    result = minimize(value_and_gradient, origin[free], method=name, jac=True, **more)
    print(f"{name:12s} NLL {result.fun:.9f}", *(f" {model.parameters[k]} {v:.5f}" for k, v in zip(free, result.x)), f" {result.nfev} gradients")
    # A thousandth of a standard deviation, and no value below the one that libsbi calls the lowest.
    off = np.abs(result.x - best.values[free]) / np.maximum(best.errors[free], 1e-12)
    if not abs(result.fun - best.nll) < 1e-5 or not off[best.errors[free] > 0].max() < 1e-3:
        failed.append(f"{name}: the minimum differs by {result.fun - best.nll:g}, a parameter by {off.max():.2g} standard deviations")
if failed:
    sys.exit("; ".join(failed))
