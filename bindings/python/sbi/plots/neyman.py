# SPDX-License-Identifier: Apache-2.0
"""The Neyman construction: acceptance belts and critical values."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from .scan import crossings
from .style import COLOURS, GREY, axes, styled, with_unit


@styled
def neyman_critical(values, critical=None, observed=None, errors=None, ax=None, poi="mu", unit="", name="$t_\\mu$"):
    """Critical values over the grid against Wilks' (a chi2 of one degree of freedom, 3.84 at 95 %), and the statistic of the data, with
    the set where it is below as a bar at the bottom.

    values: an sbi.Neyman, or the grid [n], and then critical: {confidence level: [n]}; errors: {level: [n, 2]} down and up; observed: [n]."""
    if critical is None:
        belt = values
        values, observed, critical, errors = belt.values, belt.observed, {}, {}
        for i, level in enumerate(belt.levels):
            critical[level], errors[level] = belt.critical(i)
    values = np.asarray(values, float)
    ax = axes(ax, figsize=(5.2, 3.8))
    ends = []
    for i, (level, c) in enumerate(critical.items()):
        c, colour = np.asarray(c, float), COLOURS[i % len(COLOURS)]
        wilks = NormalDist().inv_cdf(0.5 + level / 2) ** 2
        ax.axhline(wilks, color=colour, lw=1, ls=":", label=f"Wilks, {100 * level:.3g} %: {wilks:.3g}")
        ax.plot(values, c, "o-", ms=2.5, color=colour, label=f"toys, {100 * level:.3g} %")
        if errors is not None and level in errors:
            e = np.abs(np.asarray(errors[level], float))
            ax.fill_between(values, c - e[:, 0], c + e[:, 1], color=colour, alpha=0.2, lw=0)
        ends.append(max(wilks, np.nanmax(c)))
    top = 1.5 * max(ends, default=1.0)
    if observed is not None:
        observed = np.asarray(observed, float)
        ax.plot(values, observed, color="k", lw=1.3, label="data")
        for i, (level, c) in enumerate(critical.items()):
            at = (0.012 + 0.02 * (len(critical) - 1 - i)) * top
            for low, high in crossings(values, observed - np.asarray(c, float), 0.0):
                ax.plot([low, high], [at, at], color=COLOURS[i % len(COLOURS)], lw=4, alpha=0.6, solid_capstyle="butt")
    ax.set(xlabel=with_unit(poi, unit), ylabel=name, ylim=(0, top), xlim=(values.min(), values.max()))
    ax.legend(ncols=2, loc="upper center")
    return ax


def _accepted(estimates, inside, bins):
    """Runs of bins in which at least half of the toys are accepted, [(low, high)]; bins without toys between two accepted ones count as accepted."""
    all_of, accepted = np.histogram(estimates, bins)[0], np.histogram(estimates[inside], bins)[0]
    out, open_at, last = [], None, None
    for i in np.flatnonzero(all_of):
        if 2 * accepted[i] >= all_of[i]:
            open_at, last = i if open_at is None else open_at, i
        elif open_at is not None:
            out.append((bins[open_at], bins[last + 1]))
            open_at = None
    return out if open_at is None else out + [(bins[open_at], bins[last + 1])]


@styled
def neyman_belt(values, estimates=None, statistics=None, critical=None, observed=None, ax=None, poi="mu", unit="", bins=60):
    """The belt: at each value, the best-fit values at which toys have a statistic that is not above its critical value.

    values: an sbi.Neyman, or the grid. estimates, statistics: for each value the [n_toys] best-fit values and statistics,
    NaN for failed toys. critical: {confidence level: [n]}.
    observed: the best fit of the data; the set of values whose acceptance region holds it is read off on the vertical line. With nuisance
    parameters or events the statistic is no function of the best fit: a bin of best-fit values belongs to the region where at least half
    of its toys are accepted."""
    if estimates is None:
        belt = values
        values, critical = belt.values, {level: belt.critical(i)[0] for i, level in enumerate(belt.levels)}
        toys = [belt.toys(i) for i in range(len(values))]
        estimates, statistics = [t["value"] for t in toys], [t[list(t)[-1]] for t in toys]
    ax = axes(ax, figsize=(4.6, 4.2))
    values = np.asarray(values, float)
    step = np.gradient(values) if len(values) > 1 else np.ones(1)
    every = np.concatenate([np.asarray(e, float) for e in estimates])
    every = every[np.isfinite(every)]
    edges = np.linspace(every.min(), every.max(), bins + 1) if len(every) else np.array([0.0, 1.0])
    for i, (level, c) in reversed(list(enumerate(sorted(critical.items())))):
        label = f"{100 * level:.3g} % belt"
        for j, mu in enumerate(values):
            e, t = np.asarray(estimates[j], float), np.asarray(statistics[j], float)
            good = np.isfinite(e) & np.isfinite(t)
            e, inside = e[good], t[good] <= c[j]
            for low, high in _accepted(e, inside, edges):
                ax.barh(mu, high - low, left=low, height=0.8 * step[j], color=COLOURS[0], alpha=0.75 if i == 0 else 0.3, lw=0, label=label)
                label = None
    low, high = ax.get_xlim()
    ax.plot([low, high], [low, high], color=GREY, lw=0.8, ls="--", zorder=0)
    if observed is not None:
        ax.axvline(observed, color=COLOURS[1], lw=1.3, label=f"data: {observed:.3g}")
    ax.set(xlabel=with_unit(f"best fit of {poi}", unit), ylabel=with_unit(poi, unit), xlim=(low, high),
           ylim=(values.min() - step[0] / 2, values.max() + step[-1] / 2))
    ax.legend(loc="upper left")
    return ax
