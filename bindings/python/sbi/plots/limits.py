# SPDX-License-Identifier: Apache-2.0
"""Upper limits: against a mass or coupling, and CLs against the parameter."""

from __future__ import annotations

import numpy as np

from .style import BAND_68, BAND_95, COLOURS, axes, styled, with_unit


def _bands(ax, x, expected):
    expected = np.asarray(expected, float)
    ax.fill_between(x, expected[:, 0], expected[:, 4], color=BAND_95, lw=0, label=r"expected $\pm 2\sigma$", zorder=1)
    ax.fill_between(x, expected[:, 1], expected[:, 3], color=BAND_68, lw=0, label=r"expected $\pm 1\sigma$", zorder=1.1)
    ax.plot(x, expected[:, 2], color="k", ls="--", lw=1.2, label="expected", zorder=2)


def _in_order(ax):
    """Observed, expected and bands first in the legend, as everybody has it."""
    handles, labels = ax.get_legend_handles_labels()
    first = ["observed", "expected", r"expected $\pm 1\sigma$", r"expected $\pm 2\sigma$"]
    order = sorted(range(len(labels)), key=lambda i: first.index(labels[i]) if labels[i] in first else len(first))
    ax.legend([handles[i] for i in order], [labels[i] for i in order])


@styled
def limit_band(x, expected, observed=None, ax=None, xlabel="mass", ylabel="95 % CL upper limit", unit="", log=True, theory=None):
    """Limits against x, such as a mass: expected [n, 5] at -2, -1, 0, 1, 2 standard deviations, as sbi_limit has them, and observed [n].
    theory: {label: [n]}, predictions; where one is above the limit, it is excluded."""
    ax = axes(ax, figsize=(5.2, 3.8))
    _bands(ax, x, expected)
    if observed is not None:
        ax.plot(x, observed, "ko-", ms=3, lw=1.2, label="observed", zorder=3)
    for i, (label, y) in enumerate((theory or {}).items()):
        ax.plot(x, y, color=COLOURS[i + 1], lw=1.4, label=label, zorder=2.5)
    ax.set(xlabel=with_unit(xlabel, unit), ylabel=ylabel, xlim=(np.min(x), np.max(x)))
    if log:
        ax.set_yscale("log")
    _in_order(ax)
    return ax


def _limit(values, cls, alpha):
    """The last place where CLs falls through alpha, in its logarithm between points; NaN if it does not."""
    with np.errstate(divide="ignore"):
        y = np.log(np.maximum(np.asarray(cls, float), 1e-300)) - np.log(alpha)
    for i in range(len(y) - 1, 0, -1):
        if y[i] <= 0 < y[i - 1]:
            return values[i - 1] + y[i - 1] / (y[i - 1] - y[i]) * (values[i] - values[i - 1])
    return np.nan


@styled
def cls_scan(values, observed, expected=None, errors=None, alpha=0.05, limits=None, ax=None, poi="mu", unit="", ylabel="CLs"):
    """CLs against the parameter: observed [n], expected [n, 5] with bands, errors [n] of the observed from toys.

    limits: (observed, expected median) where they are known; None: where the curves cross alpha, in log CLs between points."""
    values = np.asarray(values, float)
    ax = axes(ax, figsize=(5, 3.8))
    if expected is not None:
        _bands(ax, values, expected)
    if observed is not None:
        ax.errorbar(values, observed, yerr=errors, fmt="ko-", ms=3, lw=1.2, label="observed", zorder=3)
    if limits is None:
        limits = (np.nan if observed is None else _limit(values, observed, alpha),
                  np.nan if expected is None else _limit(values, np.asarray(expected, float)[:, 2], alpha))
    ax.axhline(alpha, color=COLOURS[1], lw=1.2, label=f"{alpha:g}", zorder=2)
    for limit, style, label in zip(limits, ("-", "--"), ("observed", "expected")):
        if np.isfinite(limit):
            ax.plot([limit, limit], [0, alpha], color=COLOURS[0], ls=style, lw=1.4, label=f"{label} limit {limit:.3g}", zorder=4)
    ax.set(xlabel=with_unit(poi, unit), ylabel=ylabel, xlim=(values.min(), values.max()), ylim=(0, 1.05))
    _in_order(ax)
    return ax
