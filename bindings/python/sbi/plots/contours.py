# SPDX-License-Identifier: Apache-2.0
"""Contours of two parameters."""

from __future__ import annotations

import numpy as np

from .style import COLOURS, axes, styled, with_unit


def _points(curve) -> np.ndarray:
    """[n, 2] of a curve: an object with x and y, as Fit.contour() gives, a pair (x, y) of arrays, or an array [n, 2]."""
    if hasattr(curve, "x"):
        return np.column_stack([curve.x, curve.y])
    if isinstance(curve, tuple):
        return np.column_stack(curve)
    return np.asarray(curve, float)


def _path(curves):
    """All closed curves of a level as one path, so that a curve of opposite sense is a hole."""
    from matplotlib.path import Path

    vertices, codes = [], []
    for points in curves:
        vertices += [points, points[:1]]
        codes += [Path.MOVETO] + [Path.LINETO] * (len(points) - 1) + [Path.CLOSEPOLY]
    return Path(np.concatenate(vertices), codes)


@styled
def contours(levels, ax=None, x="x", y="y", best=None, minima=(), truth=None, units=("", "")):
    """Closed curves of two parameters: {label: curves} by level, innermost first; each level may have several curves, as Fit.contour()
    gives them, or arrays [n, 2]; holes run clockwise. best: the best fit; minima: other local minima; truth: true values; all as (x, y)."""
    from matplotlib.patches import PathPatch

    ax = axes(ax, figsize=(4.8, 4.2))
    styles = ("-", "--", "-.", ":")
    for i, (label, curves) in enumerate(levels.items()):
        curves = [_points(c) for c in curves]
        if not curves:
            continue
        colour, path = COLOURS[i % len(COLOURS)], _path(curves)
        ax.add_patch(PathPatch(path, fc=colour, ec="none", alpha=0.15, zorder=1))
        many = f" ({len(curves)} curves)" if len(curves) > 1 else ""
        ax.add_patch(PathPatch(path, fc="none", ec=colour, ls=styles[i % len(styles)], lw=1.4, zorder=2, label=label + many))
    if best is not None:
        ax.plot(*best, "P", color="k", ms=7, ls="none", zorder=4, label="best fit")
    for i, point in enumerate(minima):
        ax.plot(*point, "v", mfc="white", color="k", ms=6, ls="none", zorder=4, label="other minimum" if i == 0 else None)
    if truth is not None:
        ax.plot(*truth, "*", color=COLOURS[1], ms=10, ls="none", zorder=3, label="truth")
    ax.autoscale_view()
    ax.margins(0.08)
    ax.set(xlabel=with_unit(x, units[0]), ylabel=with_unit(y, units[1]))
    ax.legend()
    return ax
