# SPDX-License-Identifier: Apache-2.0
"""Plots of what libsbi computes. Each function takes arrays, or objects of the bindings where it says so, draws on an axes (a new figure
if none is given) and returns the axes; saving is the caller's business. Needs matplotlib, imported when something is drawn; nothing else in
the package does. matplotlib's settings are left as they are. A gallery: docs/plots.md."""

from .breakdown import breakdown
from .contours import contours
from .correlation import cluster, correlation
from .distributions import before_after, distribution, reweighted, reweighted_errors
from .impacts import impacts, impacts_by_method
from .leaderboard import leaderboard
from .limits import cls_scan, limit_band
from .neyman import neyman_belt, neyman_critical
from .resources import campaign_timeline, timeline
from .scan import crossings, nll_scan
from .toys import asymptotic_cdf, toys
from .training import calibration, closure, member_spread, overtraining, roc, training_curves, verdict_table

__all__ = ["asymptotic_cdf", "before_after", "breakdown", "calibration", "campaign_timeline", "closure", "cls_scan", "cluster", "contours", "correlation",
           "crossings", "distribution", "impacts", "impacts_by_method", "leaderboard", "limit_band", "member_spread", "neyman_belt", "neyman_critical", "nll_scan",
           "overtraining", "reweighted", "reweighted_errors", "roc", "timeline", "toys", "training_curves", "verdict_table"]
