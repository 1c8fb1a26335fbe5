# SPDX-License-Identifier: Apache-2.0
"""Scans of the likelihood over one parameter."""

from __future__ import annotations

import numpy as np

from .style import COLOURS, GREY, axes, styled, with_unit

LEVELS = {"68 %": 1.0, "95 %": 3.841}


def crossings(values, t, level: float) -> np.ndarray:
    """[n, 2]: the intervals in which t <= level, linear between the points of the scan; an interval that reaches an end of the scan, or
    a point that is not finite, ends there."""
    values, t = np.asarray(values, float), np.asarray(t, float)
    order = np.argsort(values)
    values, t = values[order], t[order]
    inside = np.isfinite(t) & (t <= level)
    out, begin = [], None
    for i in range(len(values)):
        if inside[i] and begin is None:
            begin = _edge(values, t, i - 1, i, level) if i else values[i]
        if begin is not None and (i + 1 == len(values) or not inside[i + 1]):
            out.append((begin, _edge(values, t, i + 1, i, level) if i + 1 < len(values) else values[i]))
            begin = None
    return np.array(out).reshape(-1, 2)


def _edge(values, t, outside: int, inside: int, level: float) -> float:
    if not np.isfinite(t[outside]):
        return values[inside]
    return values[inside] + (level - t[inside]) / (t[outside] - t[inside]) * (values[outside] - values[inside])


@styled
def nll_scan(values, curves, ax=None, poi="mu", minima=(), unit="", levels=LEVELS, intervals=None, truth=None):
    """Curves of t = 2 (NLL - min): {label: t array}, or {label: (values, t)} for a scan on its own grid.

    minima: [(position, t)], the deepest marked by a full and the others by an open triangle. levels: {label: t}, drawn as lines with the
    intervals that they cut out of the first curve, which may be several; intervals: {level label: [n, 2]} replaces these, for instance by
    those of Fit.confidence_set(). unit: of the parameter. truth: its true value, if known."""
    ax = axes(ax, figsize=(5, 3.8))
    styles = ("-", "--", "-.", ":")
    scans = {label: c if isinstance(c, tuple) else (values, c) for label, c in curves.items()}
    for i, (label, (x, t)) in enumerate(scans.items()):
        ax.plot(x, t, label=label, color=COLOURS[i % len(COLOURS)], ls=styles[i % len(styles)])
    finite = np.concatenate([np.asarray(t, float)[np.isfinite(np.asarray(t, float))] for _, t in scans.values()])
    highest = finite.max() if len(finite) else 1.0
    top = float(min(max(10.0, 2.2 * max(levels.values(), default=1.0)), highest * 1.05)) or 1.0
    first = next(iter(scans.values()))
    for i, (label, level) in enumerate(levels.items()):
        if level >= top:
            continue
        ax.axhline(level, color=GREY, lw=0.8, zorder=0)
        ax.annotate(label, (1, level), xycoords=("axes fraction", "data"), xytext=(-3, 2), textcoords="offset points", ha="right",
                    fontsize="small", color="0.35")
        found = crossings(*first, level) if intervals is None else np.reshape(intervals.get(label, ()), (-1, 2))
        text = ", ".join(f"[{low:.3g}, {high:.3g}]" for low, high in found)
        for j, (low, high) in enumerate(found):
            ax.plot([low, high], [level, level], color=COLOURS[0], lw=4.5, alpha=0.35, solid_capstyle="butt",
                    label=f"{label}: {text}" if j == 0 else None)
            ax.vlines([low, high], 0, level, color=COLOURS[0], lw=0.7, ls=":")
    deepest = min((t for _, t in minima), default=None)
    for position, t in minima:
        is_global = t == deepest
        ax.plot(position, t, "v", color=COLOURS[1], mfc=COLOURS[1] if is_global else "white", ms=6, zorder=5, clip_on=False)
    if truth is not None:
        ax.axvline(truth, color="k", lw=0.8, ls=(0, (1, 2)), label=f"truth: {truth:.3g}")
    ax.set(xlabel=with_unit(poi, unit), ylabel=r"$-2\,\Delta\ln L$", ylim=(0, top))
    ax.legend()
    return ax
