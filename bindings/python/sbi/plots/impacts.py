# SPDX-License-Identifier: Apache-2.0
"""Impacts of nuisance parameters on the parameter of interest, with their pulls."""

from __future__ import annotations

import numpy as np

from .style import COLOURS, axes, legend_below, styled, with_unit

DOWN, UP = COLOURS[4], COLOURS[1]


def _sides(impact) -> np.ndarray:
    """[n, 2], down and up; a signed impact of one number is that of up, and down its opposite."""
    impact = np.asarray(impact, float)
    return impact if impact.ndim == 2 else np.column_stack([-impact, impact])


def _columns(of):
    """names, impacts [n, 2], pulls, constraints of what sbi.impacts() gives."""
    return ([i.name for i in of], np.array([i.impact for i in of]), np.array([i.pull for i in of]),
            np.array([i.constrained for i in of]))


def _ranked(sides: np.ndarray, most: int) -> np.ndarray:
    """Rows with an impact, the largest last, so that it comes out on top."""
    size = np.where(np.isfinite(sides), np.abs(sides), -1).max(axis=1)
    order = np.argsort(-size, kind="stable")
    return order[size[order] >= 0][:most][::-1]


def _symmetric(ax, widths) -> None:
    finite = np.abs(widths[np.isfinite(widths)])
    limit = 1.15 * finite.max() if len(finite) and finite.max() > 0 else 1.0
    ax.set_xlim(-limit, limit)


def _pulls(ax, y, pulls, constraints):
    top = ax.twiny()
    top.axvspan(-1, 1, color="0.5", alpha=0.10, lw=0, zorder=0)
    for x in (-1, 0, 1):
        top.axvline(x, color="0.75", lw=0.7, ls="-" if x == 0 else ":", zorder=0)
    top.errorbar(pulls, y, xerr=constraints, fmt="ko", ms=3.5, lw=1.2, capsize=0, label="pull and constraint")
    reach = np.abs(pulls) + constraints
    reach = reach[np.isfinite(reach)]
    limit = max(2.2, 1.1 * reach.max()) if len(reach) else 2.2
    top.set(xlabel=r"pull $(\hat\theta - \theta_0)\,/\,\Delta\theta$", xlim=(-limit, limit))
    top.tick_params(axis="x", bottom=False)
    return top


@styled
def impacts(names, postfit=None, pulls=None, constraints=None, poi="mu", most=20, ax=None, prefit=None, unit=""):
    """The usual plot: parameters ranked by their impact, bars for moving each down and up, filled after and open before the fit, and pulls
    with constraints (the error after the fit over that before) on the upper axis.

    names: of the parameters, or what sbi.impacts() gives, and then `prefit` may be the same by another method. postfit, prefit: [n, 2] changes
    of the parameter of interest for down and up, or [n] signed ones for up; NaN: not drawn. pulls, constraints: [n]. most: so many are drawn."""
    if postfit is None:
        before = {} if prefit is None else {i.name: i.impact for i in prefit}
        names, postfit, pulls, constraints = _columns(names)
        prefit = np.array([before.get(name, (np.nan, np.nan)) for name in names]) if before else None
    post = _sides(postfit)
    order = _ranked(post, most)
    ax = axes(ax, figsize=(5.6, 0.24 * len(order) + 1.9))
    ax.tick_params(axis="x", top=False)
    y = np.arange(len(order))
    for side, colour, label in ((0, DOWN, "down"), (1, UP, "up")):
        ax.barh(y, post[order, side], color=colour, height=0.72, alpha=0.85, lw=0, label=f"post-fit, {label}")
    if prefit is not None:
        pre = _sides(prefit)
        for side, colour, label in ((0, DOWN, "down"), (1, UP, "up")):
            ax.barh(y, pre[order, side], fill=False, ec=colour, height=0.72, lw=1.0, label=f"pre-fit, {label}")
    _symmetric(ax, post[order] if prefit is None else np.concatenate([post[order], _sides(prefit)[order]]))
    ax.set_yticks(y, [names[i] for i in order], fontsize="small")
    ax.set(ylim=(-0.7, len(order) - 0.3), xlabel=with_unit(rf"impact $\Delta\hat{{\theta}}$ on {poi}", unit))
    ax.tick_params(axis="y", length=0)
    handles, labels = ax.get_legend_handles_labels()
    if pulls is not None:
        width = np.zeros(len(names)) if constraints is None else np.asarray(constraints, float)
        more = _pulls(ax, y, np.asarray(pulls, float)[order], width[order]).get_legend_handles_labels()
        handles, labels = handles + more[0], labels + more[1]
    left = int(np.isfinite(post).any(axis=1).sum()) - len(order)
    legend_below(ax, columns=2 if prefit is None else 3, handles=handles, labels=labels,
                 title=f"{left} smaller impacts are not shown" if left > 0 else None, title_fontsize="small")
    return ax


@styled
def impacts_by_method(names, methods, poi="mu", most=12, ax=None, unit=""):
    """Impacts by several methods side by side: {label: [n, 2] or [n]}, ranked by the first. names: of the parameters; None where each value
    of `methods` is what sbi.impacts() gives."""
    if names is None:
        tables = {label: {i.name: i.impact for i in of} for label, of in methods.items()}
        names = list(next(iter(tables.values())))
        methods = {label: np.array([t.get(n, (np.nan, np.nan)) for n in names]) for label, t in tables.items()}
    sides = {label: _sides(value) for label, value in methods.items()}
    order = _ranked(next(iter(sides.values())), most)
    n = len(sides)
    height = 0.8 / n
    ax = axes(ax, figsize=(5.6, (0.1 + 0.12 * n) * len(order) + 1.6))
    y = np.arange(len(order))
    for i, (label, value) in enumerate(sides.items()):
        at = y + (0.5 * (n - 1) - i) * height
        for side in (0, 1):
            ax.barh(at, value[order, side], height=0.9 * height, color=COLOURS[i % len(COLOURS)], alpha=0.9 if side else 0.45, lw=0,
                    label=label if side else None)
    _symmetric(ax, np.concatenate([v[order] for v in sides.values()]))
    ax.axvline(0, color="0.4", lw=0.7)
    ax.set_yticks(y, [names[i] for i in order], fontsize="small")
    ax.set(ylim=(-0.6, len(order) - 0.4), xlabel=with_unit(f"impact on {poi}; dark: up, light: down", unit))
    ax.tick_params(axis="y", length=0)
    legend_below(ax, columns=min(n, 3))
    return ax
