# SPDX-License-Identifier: Apache-2.0
"""Where an uncertainty comes from."""

from __future__ import annotations

import numpy as np

from .style import COLOURS, axes, styled, with_unit


@styled
def breakdown(parts, ax=None, poi="mu", unit=""):
    """Horizontal bars of what sbi.breakdown() gives, or of {name: uncertainty}: groups in descending order, then "statistical" and "total"; the share
    of the variance is written beside. Of the former, the conventional number (total and without the group, subtracted in quadrature) is a line."""
    known = {name: getattr(p, "uncertainty", p) for name, p in parts.items()}
    conventional = {name: getattr(p, "conventional", np.nan) for name, p in parts.items()}
    last = [n for n in ("statistical", "total") if n in known]
    order = sorted((n for n in known if n not in last), key=lambda n: -np.nan_to_num(known[n])) + last
    total = known.get("total", np.sqrt(np.nansum(np.square([known[n] for n in order]))))
    y = np.arange(len(order))[::-1]
    ax = axes(ax, figsize=(5.2, 0.28 * len(order) + 1.0))
    colour = {"statistical": COLOURS[4], "total": "0.35"}
    ax.barh(y, [np.nan_to_num(known[n]) for n in order], height=0.7, lw=0, color=[colour.get(n, COLOURS[0]) for n in order])
    told = False
    for at, name in zip(y, order):
        if name != "total" and np.isfinite(conventional[name]):
            ax.plot([conventional[name]] * 2, [at - 0.4, at + 0.4], color="k", lw=1.3, label=None if told else "by subtraction in quadrature")
            told = True
        end = max(np.nan_to_num(known[name]), np.nan_to_num(conventional[name]) if name != "total" else 0)
        part = 100 * known[name] ** 2 / total ** 2 if total > 0 else np.nan
        share = "" if name == "total" else "  (< 0.1 %)" if part < 0.1 else f"  ({part:.2g} %)"
        ax.annotate(f"{known[name]:.3g}{share}", (end, at), xytext=(4, 0), textcoords="offset points", va="center", fontsize="small")
    ax.set_yticks(y, order)
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel=with_unit(f"uncertainty of {poi}", unit), xlim=(0, 1.3 * total if total > 0 else 1), ylim=(-0.6, len(order) - 0.4))
    if told:
        ax.legend(loc="upper right", fontsize="x-small")
    return ax
