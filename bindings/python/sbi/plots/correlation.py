# SPDX-License-Identifier: Apache-2.0
"""Correlation matrices."""

from __future__ import annotations

import numpy as np

from .style import axes, styled


def cluster(matrix) -> np.ndarray:
    """An order that puts strongly correlated parameters side by side: average linkage of 1 - |rho|, each pair of groups joined at
    the ends that are closest."""
    distance = 1 - np.abs(np.nan_to_num(np.asarray(matrix, float)))
    groups = [[i] for i in range(len(distance))]
    linkage = distance.copy()
    np.fill_diagonal(linkage, np.inf)
    while len(groups) > 1:
        i, j = sorted(np.unravel_index(np.argmin(linkage), linkage.shape))
        a, b = groups[i], groups[j]
        ends = [(distance[x[-1], y[0]], k) for k, (x, y) in enumerate(((a, b), (a[::-1], b), (a, b[::-1]), (a[::-1], b[::-1])))]
        which = min(ends)[1]
        row = (len(a) * linkage[i] + len(b) * linkage[j]) / (len(a) + len(b))
        groups[i] = (a[::-1] if which in (1, 3) else a) + (b[::-1] if which in (2, 3) else b)
        linkage[i], linkage[:, i] = row, row
        linkage[i, i] = np.inf
        linkage = np.delete(np.delete(linkage, j, 0), j, 1)
        del groups[j]
    return np.array(groups[0] if groups else [], dtype=int)


@styled
def correlation(matrix, names, ax=None, threshold=0.0, keep=(), clustered=False, numbers=None):
    """A correlation matrix. threshold: parameters whose largest correlation with any other is below it are left out, but for those
    named in `keep`. clustered: ordered by cluster(). numbers: write them in the cells; None: up to 15 parameters."""
    matrix = np.asarray(matrix, float)
    others = np.abs(np.nan_to_num(matrix - np.diag(np.diag(matrix))))
    largest = others.max(axis=1) if len(names) > 1 else np.ones(len(names))
    shown = np.array([i for i, name in enumerate(names) if largest[i] >= threshold or name in keep], dtype=int)
    if clustered and len(shown):
        shown = shown[cluster(matrix[np.ix_(shown, shown)])]
    n = len(shown)
    cell = 0.42 if n <= 15 else 0.24 if n <= 40 else 0.13
    size = "small" if n <= 40 else 6
    ax = axes(ax, figsize=(cell * n + 2.4, cell * n + 1.8))
    image = ax.imshow(matrix[np.ix_(shown, shown)], vmin=-1, vmax=1, cmap="RdBu_r")
    labels = [names[i] for i in shown]
    ax.set_xticks(range(n), labels, rotation=90, fontsize=size)
    ax.set_yticks(range(n), labels, fontsize=size)
    ax.tick_params(length=0)
    if numbers or (numbers is None and n <= 15):
        for i, row in enumerate(shown):
            for j, column in enumerate(shown):
                rho = matrix[row, column]
                ax.text(j, i, f"{rho:.2f}".replace("-0.00", "0.00"), ha="center", va="center", fontsize=6.5,
                        color="white" if abs(rho) > 0.6 else "black")
    if n < len(names):
        ax.set_title(f"{len(names) - n} with |correlation| < {threshold:g} left out", fontsize="small")
    ax.figure.colorbar(image, ax=ax, shrink=0.8, label="correlation")
    return ax
