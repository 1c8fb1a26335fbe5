# SPDX-License-Identifier: Apache-2.0
"""What a run used."""

from __future__ import annotations

import numpy as np

from .style import axes, styled


@styled
def timeline(begins, ends, cores=1.0, ax=None):
    """Cores in use over time from the begin and end of each task, in seconds (a step line that returns to zero)."""
    ax = axes(ax)
    begins, ends = np.asarray(begins, float), np.asarray(ends, float)
    cores = np.broadcast_to(cores, begins.shape)
    times = np.concatenate([begins, ends])
    steps = np.concatenate([cores, -cores])
    order = np.lexsort((steps, times))
    origin = times.min() if len(times) else 0.0
    ax.step(times[order] - origin, np.cumsum(steps[order]), where="post")
    ax.set(xlabel="seconds", ylabel="cores in use", ylim=(0, None))
    return ax
