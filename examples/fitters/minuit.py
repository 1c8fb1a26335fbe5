# SPDX-License-Identifier: Apache-2.0
"""A likelihood of libsbi minimised by iminuit with exact gradients.

python minuit.py workspace.json fits Asimov data with the parameter of interest at one and a half times its start value; it prints
the minimum beside that of libsbi's own fit and fails if they differ.
"""

import sys

import sbi

try:
    import iminuit
except ImportError:
    print("iminuit      skipped: it is not installed")
    sys.exit(0)

loaded = sbi.Model(sys.argv[1])
truth = loaded.start
truth[loaded.parameters.index(loaded.poi)] *= 1.5
model = loaded.asimov(truth)
nll = model.evaluator()
minuit = iminuit.Minuit(nll.value, model.start, grad=nll.gradient, name=model.parameters)
minuit.errordef = iminuit.Minuit.LIKELIHOOD
for name in model.parameters:
    p = model.parameter(name)
    minuit.limits[name] = (p.lower, p.upper)
    minuit.fixed[name] = p.fixed
minuit.migrad()

best = nll(sbi.Fit(model).values)
for name, value, x in (("libsbi", best, None), ("iminuit", minuit.fval, minuit.values.to_dict())):
    print(f"{name:12s} NLL {value:.9f}", *(f" {k} {v:.5f}" for k, v in (x or {}).items()))
if not minuit.valid or abs(minuit.fval - best) > 1e-3:
    sys.exit(f"iminuit: valid is {minuit.valid}, the minimum differs by {minuit.fval - best:g}")
