# SPDX-License-Identifier: Apache-2.0
"""Distributions before and after a fit: binned channels, and features of unbinned ones by reweighting."""

from __future__ import annotations

import numpy as np

from .style import COLOURS, styled


def _pair(ax, figsize=(5, 4.4)):
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(2, 1, sharex=True, layout="constrained", figsize=figsize, height_ratios=[3, 1])[1]


def _stack(upper, edges, samples):
    """Positive and negative counts are stacked apart, for interference has both."""
    above, below = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for i, (name, counts) in enumerate(samples.items()):
        counts = np.asarray(counts, float)
        base = np.where(counts >= 0, above, below)
        upper.stairs(base + counts, edges, baseline=base, fill=True, color=COLOURS[i % len(COLOURS)], alpha=0.75, lw=0, label=name)
        above, below = above + np.maximum(counts, 0), below + np.minimum(counts, 0)
    return above, below


def _band(ax, edges, center, errors, label=None):
    ax.stairs(center + errors, edges, baseline=center - errors, fill=True, fc="none", ec="0.25", hatch="/////", lw=0, label=label)


@styled
def distribution(edges, samples, data=None, errors=None, data_errors=None, ax=None, panel="ratio", xlabel="bin", title="", log=False):
    """Stacked samples {name: [n]} with the uncertainty of their sum, errors [n], and data [n]; below them data over expectation or, with
    panel "pull", (data - expectation) / sqrt(data error^2 + error^2).

    edges: [n + 1]. data_errors: [n]; None: sqrt(data). ax: a pair, or None. Returns the pair (upper, lower)."""
    if panel not in ("ratio", "pull"):
        raise ValueError(f"panel is {panel!r}, expected ratio or pull")
    upper, lower = _pair(ax)
    edges = np.asarray(edges, float)
    centre = (edges[1:] + edges[:-1]) / 2
    above, below = _stack(upper, edges, samples)
    total = above + below
    upper.stairs(total, edges, color="k", lw=1.1, label="sum")
    band = np.zeros_like(total) if errors is None else np.asarray(errors, float)
    if errors is not None:
        _band(upper, edges, total, band, "uncertainty")
    highest = max(above.max(initial=0), (total + band).max(initial=0))
    shown = np.where(total > 0, total, np.nan)
    lower.axhline(1.0 if panel == "ratio" else 0.0, color="k", lw=0.8)
    if errors is not None and panel == "ratio":
        _band(lower, edges, np.ones_like(total), np.nan_to_num(band / shown))
    if data is not None:
        data = np.asarray(data, float)
        bar = np.sqrt(np.maximum(data, 0)) if data_errors is None else np.asarray(data_errors, float)
        upper.errorbar(centre, data, yerr=bar, fmt="ko", ms=3.5, lw=1.1, label="data", zorder=5)
        highest = max(highest, (data + bar).max(initial=0))
        if panel == "ratio":
            lower.errorbar(centre, data / shown, yerr=bar / shown, fmt="ko", ms=3, lw=1)
        else:
            width = np.hypot(bar, band)
            lower.bar(centre, (data - total) / np.where(width > 0, width, np.nan), width=0.9 * np.diff(edges), color="0.5")
    if log:
        upper.set_yscale("log")
        positive = total[total > 0]
        upper.set_ylim((0.3 * positive.min() if len(positive) else 0.1), 30 * max(highest, 1e-300))
    else:
        upper.set_ylim(1.15 * min(below.min(initial=0), 0), 1.45 * highest or 1)
    lower.set(xlabel=xlabel, ylabel="data / sum" if panel == "ratio" else "pull", xlim=(edges[0], edges[-1]))
    if panel == "pull":
        reach = max(3.0, np.max(np.abs(lower.get_ylim())))
        lower.set_ylim(-reach, reach)
    else:
        lower.set_ylim(*_ratio_range(data, shown, band))
    upper.set(ylabel="events", title=title)
    upper.tick_params(axis="x", labelbottom=False)
    upper.legend(ncols=3)
    return upper, lower


def _ratio_range(data, shown, band):
    """Around one, symmetric, wide enough for points and band but not for outliers."""
    spread = np.abs(np.nan_to_num(band / shown))
    if data is not None:
        spread = np.concatenate([spread, np.abs(np.nan_to_num(np.asarray(data) / shown - 1)) + np.nan_to_num(np.sqrt(np.abs(data)) / shown)])
    reach = min(max(1.1 * spread.max(initial=0.0), 0.05), 0.95)
    return 1 - reach, 1 + reach


@styled
def before_after(model, fit, channel=0, edges=None, panel="ratio", xlabel="bin", title=""):
    """A binned channel of a model before and after its fit, side by side, with the uncertainty of each. Returns the axes [2, 2]."""
    import matplotlib.pyplot as plt

    figure, pairs = plt.subplots(2, 2, sharex=True, sharey="row", layout="constrained", figsize=(8.4, 4.4), height_ratios=[3, 1])
    observed = model.observed(channel)
    edges = np.arange(len(observed) + 1) + 0.5 if edges is None else edges
    tops, ranges = [], []
    for column, (when, theta, covariance) in enumerate((("before the fit", *model.prefit()), ("after the fit", fit.values, fit.covariance))):
        samples = model.expected(theta, channel)
        errors = model.expected_errors(theta, covariance, channel)[0]
        distribution(edges, samples, observed, errors, ax=pairs[:, column], panel=panel, xlabel=xlabel, title=f"{title} {when}".strip())
        tops.append(pairs[0, column].get_ylim())
        ranges.append(pairs[1, column].get_ylim())
    pairs[0, 0].set_ylim(min(t[0] for t in tops), max(t[1] for t in tops))
    pairs[1, 0].set_ylim(min(t[0] for t in ranges), max(t[1] for t in ranges))
    for ax in pairs[:, 1]:
        ax.set_ylabel("")
    return pairs


def reweighted(feature, weights, edges) -> dict:
    """Counts of each sample in bins of a feature, {sample: [n]}, from weights {sample: [events]} of one set of events: of the integration
    sample, yield times v_j r_pj over sum_j v_j r_pj. For distribution()."""
    return {name: np.histogram(feature, edges, weights=np.asarray(w, float))[0] for name, w in weights.items()}


def reweighted_errors(model, feature, edges, theta, covariance, channel=0) -> np.ndarray:
    """Uncertainty of a feature's distribution in an unbinned channel, [n]: sqrt of the diagonal of J V J^T, with J from differences of the
    model's Asimov weights. feature: of the events that these are for."""
    theta, covariance = np.asarray(theta, float), np.asarray(covariance, float)
    sigma = np.sqrt(np.diag(covariance))
    n = len(np.asarray(edges)) - 1
    J = np.zeros((n, len(theta)))
    for k in np.flatnonzero(sigma > 0):
        step = np.zeros_like(theta)
        step[k] = 1e-3 * sigma[k]
        up, down = (np.histogram(feature, edges, weights=model.asimov_weights(theta + s * step, channel))[0] for s in (1, -1))
        J[:, k] = (up - down) / (2 * step[k])
    return np.sqrt(np.maximum(np.einsum("bk,kl,bl->b", J, covariance, J), 0))
