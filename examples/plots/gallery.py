#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures of docs/plots.md from fits: gallery.py PROGRAM SCRATCH OUT, with PROGRAM the example offshell_higgs, SCRATCH a folder
for its runs, OUT the folder of the pictures. Needs numpy and matplotlib, and libsbi (SBI_LIBRARY)."""

import pathlib
import sys
from statistics import NormalDist

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

import models  # noqa: E402
import sbi  # noqa: E402
from sbi import plots  # noqa: E402


def save(ax, out, name):
    figure = np.ravel(ax)[0].figure
    figure.savefig(out / f"{name}.png", dpi=80)
    plt.close(figure)


def t_of(fit, nll):
    return 2 * (nll - fit.nll)


# ---- the off-shell model: interference ---------------------------------------------------------------------------------


def scan(model, fit, out):
    mu = np.linspace(0.003, 2.0, 120)
    expected = sbi.Fit(model.asimov(model.start))
    held = sbi.Fit(model, fixed=dict(zip(fit.parameters[1:], fit.values[1:])), start={"mu": fit.value("mu")})
    curves = {"expected": t_of(expected, expected.profile("mu", mu)), "observed": t_of(fit, fit.profile("mu", mu)),
              "observed, statistical": t_of(held, held.profile("mu", mu))}
    sets = {"68 %": expected.confidence_set("mu", delta_t=1.0), "95 %": expected.confidence_set("mu", delta_t=3.841)}
    intervals = {label: [(i.low, i.high) for i in s.intervals] for label, s in sets.items()}
    minima = [(x, t_of(expected, nll)) for x, nll in expected.minima("mu", 0.001, 3.2)]
    save(plots.nll_scan(mu, curves, poi=r"$\mu$", minima=minima, intervals=intervals, truth=1.0), out, "scan")


def contours(fit, out):
    other = "gg_theory"
    levels = {"68 %": fit.contour("mu", other, cl=0.6827), "95 %": fit.contour("mu", other, cl=0.95)}
    k = fit.parameters.index(other)
    minima = []
    for x, _ in fit.minima("mu", 0.001, 3.2):
        if abs(x - fit.value("mu")) > 1e-3:
            minima.append((x, sbi.profiled(fit, "mu", x)[k]))
    ax = plots.contours(levels, x=r"$\mu$", y=other, best=(fit.value("mu"), fit.value(other)), minima=minima, truth=(1, 0))
    save(ax, out, "contours")


def reweighted(model, fit, folder, out):
    """Of the log-likelihood ratio of signal to the other background, which orders events by what they tell."""

    def ratio(events, process):
        return np.load(folder / "truth" / f"{events}_{process}.npy")

    theta, covariance = fit.values, fit.covariance
    v = np.load(folder / "data" / "integration_weights.npy")
    feature, data = (np.log(ratio(e, "S") / ratio(e, "NI")) for e in ("integration", "observed"))
    yields = model.yields(theta)
    weights = {}
    for process, nu in yields.items():
        w = v * ratio("integration", process)
        weights[process] = nu * w / w.sum()
    edges = np.linspace(-3, 3, 16)
    counts = np.histogram(data, edges, weights=np.load(folder / "data" / "observed_weights.npy"))[0]
    errors = plots.reweighted_errors(model, feature, edges, theta, covariance)
    pair = plots.distribution(edges, plots.reweighted(feature, weights, edges), counts, errors, panel="pull",
                              xlabel=r"$\ln\,r_S / r_{NI}$", title="off-shell, after the fit")
    save(pair, out, "reweighted")


def belts(folder, out):
    fit = sbi.Fit(sbi.Model(folder / "workspace.json"), n_starts=4)
    mu = np.concatenate([[0.01], np.linspace(0.1, 2.5, 17)])
    belt = sbi.Neyman(fit, "mu", mu, count=400, starts=[0.05, 1.0, 3.0], seed=1)
    save(plots.neyman_critical(belt, poi=r"$\mu$"), out, "neyman_critical")
    save(plots.neyman_belt(belt, observed=fit.value("mu"), poi=r"$\mu$"), out, "neyman_belt")


# ---- the binned search ----------------------------------------------------------------------------------------------------


def systematics(fit, out):
    post, pre = sbi.impacts(fit, "mu", "postfit"), sbi.impacts(fit, "mu", "prefit")
    save(plots.impacts(post, prefit=pre, most=12, poi=r"$\mu$"), out, "impacts")
    by = {m: sbi.impacts(fit, "mu", m) for m in ("postfit", "postfit_hessian", "auxiliary")}
    save(plots.impacts_by_method(None, by, most=8, poi=r"$\mu$"), out, "impacts_by_method")
    save(plots.correlation(fit.correlation, fit.parameters, threshold=0.15, keep=("mu",), clustered=True), out, "correlation")
    groups = {"jets": ["jet_scale", "b_tag"], "background model": ["continuum_slope", "top_rate"], "simulation": "mc*", "theory": "signal_theory"}
    save(plots.breakdown(sbi.breakdown(fit, "mu", groups), poi=r"$\mu$"), out, "breakdown")


def toys(model, fit, asimov, out, mu=0.9, count=1500):
    with_signal = sbi.profiled(fit, "mu", mu)
    without = sbi.profiled(fit, "mu", 0.0)
    q, b = (sbi.Toys(model, theta, count=count, compute=["qtilde"], tested=[mu], seed=seed)["qtilde_0"]
            for theta, seed in ((with_signal, 3), (without, 4)))
    observed, a = (f.test_statistic("mu", mu, sbi.STATISTIC_QTILDE) for f in (fit, asimov))
    bins = np.linspace(0, 16, 41)
    ax = plots.toys(b, asymptotic="qtilde", asimov=a, background=True, bins=bins, label="without signal", colour="#D55E00")
    plots.toys(q, ax=ax, asymptotic="qtilde", asimov=a, bins=bins, observed=observed, label=rf"$\mu$ = {mu:g}",
               name=r"$\tilde q_\mu$", colour="#0072B2")
    save(ax, out, "toys")


def cls(fit, asimov, values):
    """(observed [n], expected [n, 5]) by q-tilde and the asymptotic formulae."""
    phi = NormalDist().cdf
    observed, expected = [], []
    for mu in values:
        q, a = (f.test_statistic("mu", mu, sbi.STATISTIC_QTILDE) for f in (fit, asimov))
        observed.append(sbi.asymptotic_cls("qtilde", q, a)[2])
        expected.append([(1 - phi(np.sqrt(a) - n)) / phi(n) for n in (-2, -1, 0, 1, 2)])
    return np.array(observed), np.array(expected)


def mass_scan(out):
    masses = np.linspace(110, 180, 15)
    observed, expected = [], []
    for mass in masses:
        limit = sbi.upper_limits(sbi.Fit(models.peak(mass, observed=False)), "mu")
        observed.append(limit.observed)
        expected.append(limit.expected)
    save(plots.limit_band(masses, expected, observed, unit="GeV", log=False, ylabel=r"95 % CL upper limit on $\mu$",
                          theory={"prediction": np.ones_like(masses)}), out, "limit_band")


def main():
    program, scratch, out = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    folder = models.offshell(program, scratch / "nuisances", 8, 2.0)
    model = sbi.Model(folder / "workspace.json")
    fit = sbi.Fit(model, n_starts=4)
    scan(model, fit, out)
    contours(fit, out)
    reweighted(model, fit, folder, out)
    belts(models.offshell(program, scratch / "plain", 0, 1.0), out)

    model = models.peak()
    fit = sbi.Fit(model)
    systematics(fit, out)
    save(plots.before_after(model, fit, edges=models.EDGES, xlabel="mass [GeV]"), out, "before_after")
    toys(model, fit, sbi.asimov_fit(fit, "mu", 0.0), out)
    quiet = sbi.Fit(models.peak(observed=False))
    mu = np.linspace(0.02, 1.6, 21)
    save(plots.cls_scan(mu, *cls(quiet, sbi.asimov_fit(quiet, "mu", 0.0), mu), poi=r"$\mu$"), out, "cls_scan")
    mass_scan(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
