# SPDX-License-Identifier: Apache-2.0
"""Plots of what libsbi computes. Each function takes arrays, draws on an axes (a new figure if none is given) and returns the
axes; saving is the caller's business. Needs matplotlib; nothing else in the package does."""

from __future__ import annotations

import numpy as np


def _axes(ax, **size):
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained", **size)[1]


def training_curves(histories, ax=None, labels=None):
    """Training (thin) and validation (thick) loss of networks; histories: Network.history arrays [epochs, 5]."""
    ax = _axes(ax)
    for i, history in enumerate(histories):
        colour = f"C{i % 10}"
        ax.plot(history[:, 0], history[:, 1], color=colour, lw=0.8, alpha=0.6)
        ax.plot(history[:, 0], history[:, 2], color=colour, lw=1.6, label=labels[i] if labels else None)
    ax.set(xlabel="epoch", ylabel="cross-entropy")
    if labels:
        ax.legend(fontsize="small")
    return ax


def calibration(table, ax=None):
    """Observed fraction of numerator events against the classifier's output; table: TABLE_CALIBRATION."""
    ax = _axes(ax)
    ax.plot([0, 1], [0, 1], color="0.6", lw=1)
    ax.errorbar(table[:, 2], table[:, 3], yerr=table[:, 4], fmt="o", ms=3)
    ax.set(xlabel="mean classifier output s", ylabel="fraction of numerator events", xlim=(0, 1), ylim=(0, 1))
    return ax


def closure(table, name="feature", ax=None):
    """A feature: numerator against the reweighted and the plain denominator; table: TABLE_CLOSURE."""
    ax = _axes(ax)
    low, high, numerator, error, reweighted, reweighted_error, plain = table[:, :7].T
    centre, width = (low + high) / 2, np.maximum(high - low, 1e-300)
    edges = np.append(low, high[-1])
    ax.stairs(plain / width, edges, color="0.6", label="denominator")
    ax.stairs(reweighted / width, edges, color="C0", label="denominator x ratio")
    ax.errorbar(centre, numerator / width, yerr=np.hypot(error, reweighted_error) / width, fmt="k.", ms=4, label="numerator")
    ax.set(xlabel=name, ylabel="density")
    ax.legend(fontsize="small")
    return ax


def nll_scan(values, curves, ax=None, poi="mu", minima=()):
    """Curves of t = 2 (NLL - min): {label: t array}. minima: [(position, t)] are marked; lines at 1 and 3.84."""
    ax = _axes(ax)
    for i, (label, t) in enumerate(curves.items()):
        ax.plot(values, t, label=label, color=f"C{i}", ls="-" if i == 0 else "--")
    for position, t in minima:
        ax.plot(position, t, "v", color="C3", ms=6)
    for level in (1.0, 3.84):
        ax.axhline(level, color="0.7", lw=0.8)
    finite = np.concatenate([np.asarray(t)[np.isfinite(t)] for t in curves.values()])
    ax.set(xlabel=poi, ylabel=f"$t_{{{poi}}}$", ylim=(0, min(20.0, finite.max() * 1.05) if len(finite) else 1))
    ax.legend(fontsize="small")
    return ax


def impacts(names, postfit, pulls, constraints, poi="mu", most=20, ax=None):
    """Impacts on the parameter of interest, the largest on top, and pulls with post-fit widths on the upper axis."""
    order = [i for i in np.argsort(-np.abs(np.nan_to_num(postfit))) if np.isfinite(postfit[i])][:most][::-1]
    ax = _axes(ax, figsize=(6, 0.32 * len(order) + 1.5))
    y = np.arange(len(order))
    value = np.abs(np.asarray(postfit))[order]
    ax.barh(y, value, color="C0", alpha=0.4, height=0.7)
    ax.barh(y, -value, color="C1", alpha=0.4, height=0.7)
    ax.set_yticks(y, [names[i] for i in order], fontsize="small")
    ax.set(xlabel=f"impact on {poi}")
    top = ax.twiny()
    top.errorbar(np.asarray(pulls)[order], y, xerr=np.asarray(constraints)[order], fmt="ko", ms=3)
    top.set(xlabel="pull", xlim=(-2.2, 2.2))
    for x in (-1, 1):
        top.axvline(x, color="0.8", lw=0.8, ls=":")
    return ax


def correlation(matrix, names, ax=None):
    """A correlation matrix."""
    n = len(names)
    ax = _axes(ax, figsize=(0.3 * n + 2.5, 0.3 * n + 2))
    image = ax.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r")
    ax.set_xticks(range(n), names, rotation=90, fontsize="small")
    ax.set_yticks(range(n), names, fontsize="small")
    ax.figure.colorbar(image, ax=ax, shrink=0.8)
    return ax


def timeline(begins, ends, cores=1.0, ax=None):
    """Cores in use over time from the begin and end of each task, in seconds (a step line that returns to zero)."""
    ax = _axes(ax)
    begins, ends = np.asarray(begins, float), np.asarray(ends, float)
    cores = np.broadcast_to(cores, begins.shape)
    times = np.concatenate([begins, ends])
    steps = np.concatenate([cores, -cores])
    order = np.lexsort((steps, times))
    origin = times.min() if len(times) else 0.0
    ax.step(times[order] - origin, np.cumsum(steps[order]), where="post")
    ax.set(xlabel="seconds", ylabel="cores in use", ylim=(0, None))
    return ax
