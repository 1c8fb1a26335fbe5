# SPDX-License-Identifier: Apache-2.0
"""Training and what the trained ratios are worth."""

from __future__ import annotations

import numpy as np

from .style import COLOURS, axes, styled


@styled
def training_curves(histories, ax=None, labels=None):
    """Training (thin) and validation (thick) loss of networks; histories: Network.history arrays [epochs, 5]."""
    ax = axes(ax)
    for i, history in enumerate(histories):
        colour = COLOURS[i % len(COLOURS)]
        ax.plot(history[:, 0], history[:, 1], color=colour, lw=0.8, alpha=0.6)
        ax.plot(history[:, 0], history[:, 2], color=colour, lw=1.6, label=labels[i] if labels else None)
    ax.set(xlabel="epoch", ylabel="cross-entropy")
    if labels:
        ax.legend()
    return ax


def _with_pulls(ax):
    """Axes for a picture and a strip of pulls below it; a given `ax` is divided."""
    import matplotlib.pyplot as plt

    if ax is None:
        figure, (top, bottom) = plt.subplots(2, 1, sharex=True, height_ratios=(3, 1), layout="constrained")
        return top, bottom
    bottom = ax.inset_axes((0, -0.36, 1, 0.3), sharex=ax)
    ax.tick_params(labelbottom=False)
    return ax, bottom


def _draw_pulls(ax, x, pulls, label):
    ax.axhspan(-2, 2, color="0.9", lw=0)
    ax.axhspan(-1, 1, color="0.8", lw=0)
    ax.axhline(0, color="0.4", lw=0.8)
    ax.plot(x, pulls, "k.", ms=4)
    known = np.abs(pulls[np.isfinite(pulls)])
    most = max(3.5, 1.15 * known.max(initial=0))
    ax.set(xlabel=label, ylabel="pull", ylim=(-most, most))


@styled
def calibration(table, ax=None, pulls=None):
    """Observed fraction of numerator events against the classifier's output, and its pulls (by default in a new figure); table:
    TABLE_CALIBRATION."""
    pulls = ax is None if pulls is None else pulls
    ax, below = _with_pulls(ax) if pulls else (axes(ax), None)
    ax.plot([0, 1], [0, 1], color="0.6", lw=1)
    ax.errorbar(table[:, 2], table[:, 3], yerr=table[:, 4], fmt="o", ms=3)
    label = "mean classifier output s"
    ax.set(ylabel="fraction of numerator events", xlim=(0, 1), ylim=(0, 1))
    if pulls:
        _draw_pulls(below, table[:, 2], table[:, 5], label)
    else:
        ax.set_xlabel(label)
    return ax


@styled
def closure(table, name="feature", ax=None, pulls=None, summary=None):
    """A feature: numerator against the reweighted and the plain denominator, and the pulls; table: TABLE_CLOSURE, summary: the feature's row of
    TABLE_CLOSURE_SUMMARY, for chi2 and Wasserstein distance in the legend."""
    pulls = ax is None if pulls is None else pulls
    ax, below = _with_pulls(ax) if pulls else (axes(ax), None)
    low, high, numerator, error, reweighted, reweighted_error, plain, pull = table.T
    centre, width = (low + high) / 2, np.maximum(high - low, 1e-300)
    good = high > low  # bins that equal values left empty have no width
    edges = np.append(low, high[-1])
    ax.stairs(np.where(good, plain / width, 0), edges, color="0.6", label="denominator")
    ax.stairs(np.where(good, reweighted / width, 0), edges, color=COLOURS[0], label="denominator x ratio")
    ax.errorbar(centre[good], (numerator / width)[good], yerr=(np.hypot(error, reweighted_error) / width)[good], fmt="k.", ms=4, label="numerator")
    ax.set(ylabel="density")
    title = None
    if summary is not None:
        chi2, dof, _, p, distance, before = summary[:6]
        title = f"$\\chi^2$ / dof = {chi2:.1f} / {dof:.0f}, p = {p:.2g}\ndistance {distance:.3f} (before {before:.3f})"
    ax.legend(title=title, title_fontsize=8)
    if pulls:
        _draw_pulls(below, centre, pull, name)
    else:
        ax.set_xlabel(name)
    return ax


@styled
def roc(table, auc=None, ax=None):
    """Fraction of the numerator above a threshold against that of the denominator; table: TABLE_ROC."""
    ax = axes(ax)
    label = None if auc is None else f"AUC = {auc:.4f}"
    ax.plot([0, 1], [0, 1], color="0.6", lw=1)
    ax.plot(np.r_[0, table[:, 2]], np.r_[0, table[:, 1]], label=label)
    ax.set(xlabel="fraction of denominator events", ylabel="fraction of numerator events", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    if label:
        ax.legend(loc="lower right")
    return ax


@styled
def overtraining(table, summary=None, ax=None):
    """Distributions of s of events that training used (steps) and did not (points), side by side; table: TABLE_SCORES, summary: for the probabilities of
    Kolmogorov and Smirnov's test."""
    ax = axes(ax)
    edges, width = np.append(table[:, 0], table[-1, 1]), table[:, 1] - table[:, 0]
    for side, (name, at) in enumerate((("numerator", 2), ("denominator", 6))):
        p = getattr(summary, f"ks_{name}_p", None)
        ax.stairs(table[:, at] / width, edges, color=COLOURS[side], fill=True, alpha=0.3, label=f"{name}, trained on")
        ax.errorbar((edges[:-1] + edges[1:]) / 2, table[:, at + 2] / width, yerr=table[:, at + 3] / width, fmt=".", ms=4, color=COLOURS[side],
                    label=f"{name}, held out" + ("" if p is None else f" (p = {p:.2g})"))
    ax.set(xlabel="classifier output s", ylabel="density", xlim=(0, 1))
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax


@styled
def member_spread(table, ax=None):
    """Spread of ln r over the members, in bins of ln r; table: TABLE_SPREAD."""
    ax = axes(ax)
    edges = np.append(table[:, 0], table[-1, 1])
    ax.stairs(table[:, 3], edges, color="0.6", label="largest")
    ax.stairs(table[:, 2], edges, color=COLOURS[0], fill=True, alpha=0.4, label="mean")
    ax.set(xlabel="ln r", ylabel="standard deviation of ln r over members", yscale="log")
    ax.legend()
    return ax


@styled
def verdict_table(checks, ax=None):
    """A verdict as a table: a row a check, a column a subject, the value in each cell; checks: Verdict.checks."""
    colours = {"pass": "#CDE8D5", "warn": "#FBE9B7", "fail": "#F4C4B4", "unknown": "#EEEEEE"}
    names, subjects = list(dict.fromkeys(c.name for c in checks)), list(dict.fromkeys(c.subject for c in checks))
    ax = axes(ax, figsize=(1.6 + 0.95 * len(subjects), 0.6 + 0.27 * len(names)))
    cell = {(c.name, c.subject): c for c in checks}
    text = [["-" if np.isnan(cell[n, s].value) else f"{cell[n, s].value:.4g}" for s in subjects] for n in names]
    fill = [[colours[cell[n, s].result] for s in subjects] for n in names]
    table = ax.table(cellText=text, cellColours=fill, rowLabels=names, colLabels=["ensemble" if s < 0 else f"member {s}" for s in subjects],
                     cellLoc="center", bbox=(0, 0, 1, 1))
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    ax.set_axis_off()
    return ax
