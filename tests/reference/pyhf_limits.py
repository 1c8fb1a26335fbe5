#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limits, p-values and goodness of fit of binned models by pyhf 0.7.6 and scipy, of workspaces in tests/data/pyhf.

Usage: pyhf_limits.py          writes tests/reference/pyhf_limits.h
       pyhf_limits.py --check  computes the values anew and compares

Fits: JAX gradients, SLSQP to 1e-13 of -2 ln L. Per workspace: CLsb, CLb, CLs at the tested value and the five
expected CLs (q~_mu), upper limits observed and expected at 95% (NaN: not within the bounds), p0 of q_0, and -2 ln lambda against the saturated model with its p-value
(constraints at their auxiliary data included, degrees of freedom as cabinetry counts them)."""

import json
import pathlib
import re
import sys

import numpy as np
import pyhf
import scipy.optimize
import scipy.stats

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE.parent / "data" / "pyhf"
# Workspaces with room for a limit within the bounds of their parameter of interest, and the tested value.
CASES = [(name, 1.5) for name in
         ("01_normfactor", "02_normfactor_bins", "07_histosys", "10_shapesys", "14_staterror", "21_histosys_shared_by_channels",
          "25_staterror_each_channel", "32_correlated_background", "33_uncorrelated_background", "55_random_0")]
TOLERANCE = 2e-5


def saturated(model, data, bestfit, twice_nll):
    """-2 ln lambda and its degrees of freedom."""
    n_main = sum(model.config.channel_nbins.values())
    main = np.asarray(data[:n_main])
    ll = float(np.sum(scipy.stats.poisson.logpmf(main.astype(int), main)))
    # Every auxiliary datum at the parameter that it prefers.
    pars = np.array(model.config.suggested_init())
    aux = np.asarray(data[n_main:])
    if aux.size:
        ll += float(model.constraint_logpdf(pyhf.tensorlib.astensor(aux), pyhf.tensorlib.astensor(pars)))
    unconstrained = sum(model.config.param_set(k).n_parameters for k in model.config.par_order
                        if not model.config.param_set(k).constrained)
    return twice_nll + 2 * ll, n_main - unconstrained


def limits(data, model, high):
    """pyhf's own search (toms748_scan) wants hashable numbers, which those of JAX are not."""

    def excess(mu, which):
        cls, expected = pyhf.infer.hypotest(float(mu), data, model, test_stat="qtilde", return_expected_set=True)
        return float([cls, *expected][which]) - 0.05

    top = high - 1e-9
    found = [scipy.optimize.brentq(excess, 1e-3, top, args=(i,), xtol=1e-9, rtol=1e-10) if excess(top, i) < 0 else float("nan")
             for i in range(6)]
    return found[0], found[1:]


def one(name, tested):
    spec = json.loads((FOLDER / f"{name}.json").read_text())
    workspace = pyhf.Workspace(spec)
    model = workspace.model()
    data = workspace.data(model)
    low, high = model.config.suggested_bounds()[model.config.poi_index]
    assert low == 0.0, name
    observed, (clsb, clb), expected = pyhf.infer.hypotest(tested, data, model, test_stat="qtilde", return_tail_probs=True,
                                                          return_expected_set=True)
    limit, band = limits(data, model, high)
    p0 = float(pyhf.infer.hypotest(0.0, data, model, test_stat="q0"))
    bestfit, twice_nll = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
    statistic, dof = saturated(model, data, np.asarray(bestfit), float(twice_nll))
    p = float(scipy.stats.chi2.sf(statistic, dof)) if dof > 0 else float("nan")
    return [tested, float(clsb), float(clb), float(observed), *map(float, expected), float(limit), *map(float, band), p0, statistic,
            float(dof), p]


def compute():
    pyhf.set_backend("jax", pyhf.optimize.scipy_optimizer(tolerance=1e-13, maxiter=1000000))
    return {name: one(name, tested) for name, tested in CASES}


def chi2_tails():
    return [(x, n, float(scipy.stats.chi2.sf(x, n))) for x, n in
            [(0.1, 1), (3.84, 1), (5.0, 3), (40.0, 20), (15.0, 20), (300.0, 40), (1e-3, 7), (1000.0, 1000)]]


def write(values):
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */", f"/* Made by tests/reference/pyhf_limits.py with pyhf {pyhf.__version__}. */",
             "#ifndef TESTS_REFERENCE_PYHF_LIMITS_H", "#define TESTS_REFERENCE_PYHF_LIMITS_H", "",
             "#include <math.h>", "",
             "static const struct pyhf_limit {", "    const char *name;",
             "    double tested, clsb, clb, cls, expected_cls[5], limit, expected[5], p0, saturated, dof, p_value;",
             "} pyhf_limits[] = {"]
    for name, v in values.items():
        n = [f"{x:.12g}" if x == x else "NAN" for x in v]
        lines.append(f'    {{"{name}", {", ".join(n[:4])}, {{{", ".join(n[4:9])}}}, {n[9]},')
        lines.append(f'     {{{", ".join(n[10:15])}}}, {", ".join(n[15:])}}},')
    lines += ["};", "", "/* x, degrees of freedom, P(chi2 >= x), by scipy. */", "static const double chi2_tails[][3] = {"]
    lines += [f"    {{{x:g}, {n:g}, {p:.16g}}}," for x, n, p in chi2_tails()]
    lines += ["};", "", "#endif", ""]
    (HERE / "pyhf_limits.h").write_text("\n".join(lines))


def stored():
    text = (HERE / "pyhf_limits.h").read_text()
    out = {}
    for name, _ in CASES:
        found = re.search(r'\{"' + name + r'", (.*?),\n     (.*?)\},\n', text, re.S)
        body = found.group(0).split(",", 1)[1]
        out[name] = [float("nan") if x == "NAN" else float(x) for x in re.findall(r"NAN|-?[0-9][0-9.eE+-]*", body)]
    return out


def main():
    if "--check" not in sys.argv:
        return write(compute())
    worst = 0.0
    kept = stored()
    for name, values in compute().items():
        assert len(values) == len(kept[name]), name
        for a, b in zip(values, kept[name]):
            if a == a or b == b:
                worst = max(worst, abs(a - b) / max(1.0, abs(b)))
    print(f"pyhf_limits: {len(kept)} workspaces, largest difference {worst:.2g}")
    return sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
