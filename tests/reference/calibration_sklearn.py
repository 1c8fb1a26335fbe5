#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference values for calibrations and diagnostics of ratios, from scikit-learn and scipy, for tests/unit/test_calibration.c.

    python3 tests/reference/calibration_sklearn.py           writes tests/reference/calibration_sklearn.h
    python3 tests/reference/calibration_sklearn.py --check   compares with what is stored

Weighted events of two sides with a distorted ln r, ties included. sklearn.isotonic.IsotonicRegression of the label on ln r, each side weighing
one half; sklearn.metrics.roc_auc_score; scipy.stats.wasserstein_distance of a feature before and after reweighting."""
import pathlib
import re
import sys

import numpy as np
import scipy.stats
import sklearn
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

HERE = pathlib.Path(__file__).resolve().parent
N = 160
AT = np.array([-1.3, -0.6, -0.25, 0.0, 0.1, 0.4, 0.75, 1.05, 1.5])


def make():
    rng = np.random.default_rng(7)
    side = np.repeat([0, 1], N)
    x = np.round(rng.normal(0.8 * side, 1.0), 2)  # two digits, so that there are ties
    weight = np.round(rng.uniform(0.2, 2.0, 2 * N), 3)
    log_ratio = np.round(1.4 * (0.8 * x - 0.32) + 0.1 * np.sin(4 * x), 2)
    half = weight.copy()
    for s in (0, 1):
        half[side == s] *= 0.5 / weight[side == s].sum()
    iso = IsotonicRegression(out_of_bounds="clip").fit(log_ratio, side, sample_weight=half)
    den, num = side == 0, side == 1
    r = half[den] * np.exp(log_ratio[den])
    unit = np.sqrt(np.cov(x[num], aweights=half[num], bias=True))
    numbers = [
        scipy.stats.wasserstein_distance(x[num], x[den], half[num], r) / unit,
        scipy.stats.wasserstein_distance(x[num], x[den], half[num], half[den]) / unit,
        roc_auc_score(side, log_ratio, sample_weight=half),
    ]
    return {"x": x, "weight": weight, "log_ratio": log_ratio, "at": AT, "isotonic": iso.predict(AT), "numbers": np.array(numbers)}


def main():
    path = HERE / "calibration_sklearn.h"
    values = make()
    if "--check" in sys.argv[1:]:
        text = path.read_text()
        worst = 0.0
        for name, new in values.items():
            body = re.search(rf"reference_{name}\[\d+\] = \{{(.*?)\}};", text, re.S).group(1)
            old = np.array([float(v) for v in body.replace("\n", " ").split(",") if v.strip()])
            assert len(old) == len(new), name
            worst = max(worst, np.max(np.abs(old - new)))
        print(f"{path.name}: largest difference {worst:.2g}")
        return int(worst > 1e-9)
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */",
             f"/* Made by tests/reference/calibration_sklearn.py with scikit-learn {sklearn.__version__}, scipy {scipy.__version__}. The first half of the events is the",
             " * denominator's. numbers: Wasserstein distance after and before reweighting in standard deviations, AUC. */",
             "#ifndef TESTS_REFERENCE_CALIBRATION_SKLEARN_H", "#define TESTS_REFERENCE_CALIBRATION_SKLEARN_H", "",
             f"enum {{ REFERENCE_N = {N}, REFERENCE_AT = {len(AT)} }};"]
    for name, v in values.items():
        lines += [f"static const double reference_{name}[{len(v)}] = {{"]
        body = [repr(float(f"{t:.17g}")) for t in v]
        lines += ["    " + ", ".join(body[i:i + 10]) + "," for i in range(0, len(body), 10)]
        lines += ["};"]
    path.write_text("\n".join([*lines, "", "#endif", ""]))


if __name__ == "__main__":
    sys.exit(main())
