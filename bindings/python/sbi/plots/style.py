# SPDX-License-Identifier: Apache-2.0
"""The look of all plots, within each call only."""

from __future__ import annotations

import functools

#: Okabe and Ito's colours, told apart with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#882255", "#999933")
BAND_68, BAND_95 = "#7CCB8B", "#FBE38E"
GREY = "0.6"


def styled(function):
    """The function runs with this package's settings; those of the caller are as before afterwards."""

    @functools.wraps(function)
    def run(*arguments, **options):
        import matplotlib

        settings = {
            "axes.prop_cycle": matplotlib.cycler(color=COLOURS), "font.size": 9, "axes.labelsize": 10, "axes.titlesize": 10,
            "legend.fontsize": 8, "legend.frameon": False, "xtick.direction": "in", "ytick.direction": "in", "xtick.top": True,
            "ytick.right": True, "hatch.linewidth": 0.5, "lines.linewidth": 1.4, "axes.axisbelow": True,
        }
        with matplotlib.rc_context(settings):
            return function(*arguments, **options)

    return run


def axes(ax=None, **size):
    """`ax`, or the axes of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained", **size)[1]


def with_unit(name: str, unit: str = "") -> str:
    return f"{name} [{unit}]" if unit else name


def legend_below(ax, columns: int = 2, lines: float = 3.9, **options):
    """A legend under the label of the x axis, `lines` font heights below the axes, whatever the size of the figure."""
    return ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=lines, ncols=columns, **options)
