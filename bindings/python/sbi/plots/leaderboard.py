# SPDX-License-Identifier: Apache-2.0
"""Which hyper-parameters were best."""

from __future__ import annotations

import json

from .style import COLOURS, axes, styled


def _label(trial):
    values = ", ".join(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in trial["options"].items())
    return f"{trial['trial']}: {values}"


@styled
def leaderboard(trials, ax=None, top=20):
    """Mean held-out loss of the best trials, the best on top, with its spread over members; those that were stopped early are pale, and the number of
    trials that diverged is told. trials: Search.leaderboard, or the path of a leaderboard.json."""
    if not isinstance(trials, list):
        with open(trials, encoding="utf-8") as file:
            trials = json.load(file)["trials"]
    ax = axes(ax)
    shown = [t for t in trials if t["state"] in ("done", "stopped", "planned") and t["loss"] is not None][:top]
    for state, alpha, name in (("done", 1.0, "trained to the end"), ("stopped", 0.4, "stopped"), ("planned", 0.4, "not finished")):
        rows = [(i, t) for i, t in enumerate(shown) if t["state"] == state]
        if rows:
            ax.errorbar([t["loss"] for _, t in rows], [i for i, _ in rows], xerr=[t["spread"] for _, t in rows], fmt="o", ms=4, alpha=alpha,
                        color=COLOURS[0], label=name)
    for i, trial in enumerate(shown):
        ax.annotate(f"{trial['epochs']} epochs", (1, i), xycoords=("axes fraction", "data"), xytext=(-4, 0), textcoords="offset points",
                    ha="right", va="center", fontsize="small", color="0.5")
    ax.set_yticks(range(len(shown)), [_label(t) for t in shown])
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlabel("held-out loss")
    diverged = sum(t["state"] == "diverged" for t in trials)
    if diverged:
        ax.set_title(f"{diverged} of {len(trials)} trials diverged", fontsize="small", loc="right")
    if shown:
        ax.legend()
    return ax
