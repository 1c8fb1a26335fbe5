# SPDX-License-Identifier: Apache-2.0
"""Distributions of a test statistic over toys."""

from __future__ import annotations

import math

import numpy as np

from .style import COLOURS, axes, styled

_erf = np.vectorize(math.erf, otypes=[float])


def _normal(z):
    return 0.5 * (1 + _erf(np.asarray(z, float) / math.sqrt(2)))


def asymptotic_cdf(kind: str, statistic, asimov: float = math.nan, background: bool = False) -> np.ndarray:
    """P(statistic <= value) by the formulae of arXiv:1007.1727, under the tested value, or without signal if `background`, which the two
    kinds of limits know. kind: "chi2" (t_mu), "half_chi2" (q_0, q_mu), "qtilde", "ttilde". asimov: A = mu^2 / sigma^2, the statistic on
    Asimov data without signal, for the two with a tilde and for `background`."""
    t = np.maximum(np.asarray(statistic, float), 0)
    root, a = np.sqrt(t), math.sqrt(asimov) if asimov >= 0 else math.nan
    if kind not in ("chi2", "half_chi2", "qtilde", "ttilde"):
        raise ValueError(f"kind is {kind!r}, expected chi2, half_chi2, qtilde or ttilde")
    if (kind.endswith("tilde") or background) and not asimov > 0:
        raise ValueError(f"{kind} needs the statistic on Asimov data, not {asimov}")
    if background and kind not in ("half_chi2", "qtilde"):
        raise ValueError(f"there is no formula without signal for {kind}")
    if kind == "chi2":
        out = 2 * _normal(root) - 1
    elif kind == "half_chi2":
        out = _normal(root - a) if background else _normal(root)
    elif kind == "qtilde":
        inner, outer = (root - a, (t - asimov) / (2 * a)) if background else (root, (t + asimov) / (2 * a))
        out = np.where(t <= asimov, _normal(inner), _normal(outer))
    else:
        out = np.where(t <= asimov, 2 * _normal(root) - 1, _normal(root) + _normal((t + asimov) / (2 * a)) - 1)
    return np.where(np.asarray(statistic, float) < 0, 0.0, out)


@styled
def toys(statistic, ax=None, observed=None, p_value=None, asymptotic="chi2", asimov=math.nan, background=False, failed=0, bins=40,
         name="$t_\\mu$", label="toys", colour=None):
    """A test statistic over toys, as a density, with what the asymptotic formula puts into each bin: where the statistic is exactly
    zero for half of the toys, so is it there.

    statistic: [n], NaN for failed toys; failed: how many more failed; the legend tells. asymptotic: a kind of asymptotic_cdf(), a
    function statistic -> P(<= statistic), or None. observed: drawn as a line, with p_value, or the part of the toys at or beyond it.
    Call it again with the same `ax` for a second set, such as toys without signal."""
    statistic = np.asarray(statistic, float)
    good = statistic[np.isfinite(statistic)]
    failed = failed + len(statistic) - len(good)
    ax = axes(ax, figsize=(5, 3.8))
    first = not ax.patches
    colour = colour or COLOURS[sum(p.get_fill() for p in ax.patches) % len(COLOURS)]
    top = max(good.max(initial=0.0), 0.0 if observed is None else observed) * 1.02 or 1.0
    edges = np.linspace(0, top, bins + 1) if np.ndim(bins) == 0 else np.asarray(bins, float)
    counts = np.histogram(good, edges)[0]
    width = np.diff(edges)
    scale = max(len(good), 1) * width
    told = f"{label} ({len(good)}" + (f", {failed} failed)" if failed else ")")
    ax.stairs(counts / scale, edges, color=colour, fill=True, alpha=0.25, label=told)
    ax.errorbar((edges[1:] + edges[:-1]) / 2, counts / scale, yerr=np.sqrt(counts) / scale, fmt="none", ecolor=colour, lw=0.8)
    if asymptotic is not None:
        cdf = asymptotic if callable(asymptotic) else lambda t: asymptotic_cdf(asymptotic, t, asimov, background)
        at = np.asarray(cdf(edges), float)
        at[0] = np.asarray(cdf(np.array([np.nextafter(edges[0], -np.inf)])), float)[0]
        ax.stairs(np.diff(at) / width, edges, color=colour, lw=1.4, label="asymptotic")
    if observed is not None:
        p = np.mean(good >= observed) if p_value is None and len(good) else p_value
        ax.axvline(observed, color="k", lw=1.2, ls="--", label=f"observed {observed:.3g}" + ("" if p is None else f", p = {p:.3g}"))
    low, high = 0.4 * (1 / scale).min(), 20 * max((counts / scale).max(initial=0), 1e-9)
    if not first:
        low, high = min(low, ax.get_ylim()[0]), max(high, ax.get_ylim()[1])
    ax.set(yscale="log", xlabel=name, ylabel="density", xlim=(edges[0], edges[-1]), ylim=(low, high))
    ax.legend(ncols=2, loc="upper right")
    return ax
