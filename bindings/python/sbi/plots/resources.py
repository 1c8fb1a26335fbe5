# SPDX-License-Identifier: Apache-2.0
"""What a run used. main() is what sbi-campaign timeline --png runs."""

from __future__ import annotations

import json
import sys

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


@styled
def campaign_timeline(data, axs=None):
    """Cores, and where any were asked for GPUs, in use over time, of what sbi-campaign timeline --json or Campaign.timeline() gives; a stack of
    colours for the stages. Returns the axes."""
    import matplotlib.pyplot as plt

    attempts = data["attempts"]
    kinds = [("cpus", "cores in use")] + ([("gpus", "GPUs in use")] if any(a["gpus"] > 0 for a in attempts) else [])
    if axs is None:
        axs = plt.subplots(len(kinds), 1, sharex=True, squeeze=False, layout="constrained", figsize=(7, 2.2 * len(kinds) + 0.8))[1][:, 0]
    begin, end = data["begin_ms"], data["end_ms"]
    scale, unit = max(((3.6e6, "hours"), (6e4, "minutes")), key=lambda u: u[0] if (end - begin) / u[0] > 2 else 0)
    if (end - begin) / scale <= 2:
        scale, unit = 1e3, "seconds"
    stages = list(dict.fromkeys(a["stage"] for a in attempts))
    times = np.unique([begin, end] + [a[k] for a in attempts for k in ("begin_ms", "end_ms")])
    for ax, (kind, label) in zip(axs, kinds):
        use = np.zeros((len(stages), len(times)))
        for a in attempts:
            use[stages.index(a["stage"]), (times >= a["begin_ms"]) & (times < a["end_ms"])] += a[kind]
        if stages:
            ax.stackplot((times - begin) / scale, use, step="post", labels=[s or "no stage" for s in stages], linewidth=0)
        ax.set(ylabel=label, ylim=(0, None), xlim=(0, max((end - begin) / scale, 1e-9)))
    axs[-1].set_xlabel(unit)
    if stages and stages != [""]:
        axs[0].legend(loc="upper right")
    return axs


def main(arguments=None) -> int:
    """Draws what stands on standard input into a file."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        print("usage: FILE.png < timeline.json", file=sys.stderr)
        return 2
    import matplotlib

    matplotlib.use("Agg")
    campaign_timeline(json.load(sys.stdin))[0].figure.savefig(arguments[0], dpi=150)
    return 0
