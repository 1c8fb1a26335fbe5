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


@styled
def calibration(table, ax=None):
    """Observed fraction of numerator events against the classifier's output; table: TABLE_CALIBRATION."""
    ax = axes(ax)
    ax.plot([0, 1], [0, 1], color="0.6", lw=1)
    ax.errorbar(table[:, 2], table[:, 3], yerr=table[:, 4], fmt="o", ms=3)
    ax.set(xlabel="mean classifier output s", ylabel="fraction of numerator events", xlim=(0, 1), ylim=(0, 1))
    return ax


@styled
def closure(table, name="feature", ax=None):
    """A feature: numerator against the reweighted and the plain denominator; table: TABLE_CLOSURE."""
    ax = axes(ax)
    low, high, numerator, error, reweighted, reweighted_error, plain = table[:, :7].T
    centre, width = (low + high) / 2, np.maximum(high - low, 1e-300)
    edges = np.append(low, high[-1])
    ax.stairs(plain / width, edges, color="0.6", label="denominator")
    ax.stairs(reweighted / width, edges, color=COLOURS[0], label="denominator x ratio")
    ax.errorbar(centre, numerator / width, yerr=np.hypot(error, reweighted_error) / width, fmt="k.", ms=4, label="numerator")
    ax.set(xlabel=name, ylabel="density")
    ax.legend()
    return ax
