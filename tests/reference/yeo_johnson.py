#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Yeo-Johnson's transform and its exponents by scipy and scikit-learn, for tests/unit/test_net_transform.c.

    python3 yeo_johnson.py           writes yeo_johnson_values.h beside this file
    python3 yeo_johnson.py --check   makes the values anew and compares: exponents to 1e-6, images to 1e-12

Weights are integers here: rows are repeated for scipy, which knows none."""
import argparse
import math
import pathlib
import re
import sys

import mpmath
import numpy as np
import scipy
import scipy.stats
import sklearn
from sklearn.preprocessing import PowerTransformer

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "yeo_johnson_values.h"
EVENTS = 160  # the first half are the denominator's


def numbers(phase):
    """Numbers of order one without structure, the same on every machine up to rounding."""
    return np.array([math.sin(12.9898 * (i + 1) + phase) * 1.2 + 0.6 * math.cos(78.233 * i + phase) for i in range(EVENTS)])


COLUMNS = {
    "both_signs": numbers(0.3),
    "skewed": np.exp(1.3 * numbers(1.1)) - 1,
    "momenta": 1e5 * np.exp(0.8 * numbers(2.3)),
    "masses": 91000 + 2500 * numbers(3.7),
    "negative": -np.exp(numbers(4.9)) ** 2,
    "small": 1e-3 * np.exp(numbers(5.2)),
    "mostly_negative": numbers(6.1) ** 3 - 4,
}
WEIGHTS = [1 + (i * 7) % 4 for i in range(EVENTS // 2)] * 2  # both sides have the same sum
EXPONENTS = [-3, -0.5, 0, 1e-9, 0.37, 1, 1.6, 2 - 1e-9, 2, 2.5, 5]
POINTS = [-1e4, -20, -1, -0.3, -1e-9, 0, 1e-9, 0.02, 0.7, 1, 33, 1e5]


def exact(x, weights):
    """Where the slope of the log-likelihood is zero, with 40 digits: E[s L] - Cov[psi, psi'] / Var[psi]."""
    x, weights, total = [mpmath.mpf(float(v)) for v in x], [mpmath.mpf(w) for w in weights], mpmath.mpf(int(sum(weights)))
    logs = [(mpmath.sign(v), mpmath.log(1 + abs(v))) for v in x]

    def mean(values):
        return mpmath.fsum(w * v for w, v in zip(weights, values)) / total

    def slope(exponent):
        psi, derivative = [], []
        for s, l in logs:
            p = 2 - exponent if s < 0 else exponent
            e = mpmath.exp(p * l)
            psi.append((-1 if s < 0 else 1) * (e - 1) / p)
            derivative.append((e * l - (e - 1) / p) / p)
        middle = mean(psi)
        centred = [v - middle for v in psi]
        return mean([s * l for s, l in logs]) - mean([c * d for c, d in zip(centred, derivative)]) / mean([c * c for c in centred])

    near = scipy.stats.yeojohnson_normmax(np.repeat(np.array([float(v) for v in x]), [int(w) for w in weights]))
    return float(mpmath.findroot(slope, (mpmath.mpf(near), mpmath.mpf(near) * (1 + 1e-5) + 1e-6), solver="secant", tol=1e-50))


def make():
    mpmath.mp.dps = 40
    exponents, by_sklearn, weighted, exacts = {}, {}, {}, {}
    for name, x in COLUMNS.items():
        exponents[name] = scipy.stats.yeojohnson_normmax(x)
        transformer = PowerTransformer(method="yeo-johnson", standardize=True).fit(x.reshape(-1, 1))
        by_sklearn[name] = (transformer.lambdas_[0], transformer.transform(x.reshape(-1, 1))[:, 0])
        exacts[name] = exact(x, [1] * EVENTS), exact(x, WEIGHTS)
        weighted[name] = scipy.stats.yeojohnson_normmax(np.repeat(x, WEIGHTS))
    images = [[scipy.stats.yeojohnson(np.array([float(p)]), lmbda=float(e))[0] for p in POINTS] for e in EXPONENTS]
    return exponents, by_sklearn, weighted, exacts, images


def rows(values):
    values = ["%.17g" % v for v in values]
    return ["        " + ", ".join(values[i:i + 5]) + "," for i in range(0, len(values), 5)]


def write():
    exponents, by_sklearn, weighted, exacts, images = make()
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */",
             f"/* Written by yeo_johnson.py with scipy {scipy.__version__} and scikit-learn {sklearn.__version__}. */", "",
             f"#define YEO_JOHNSON_EVENTS {EVENTS}", "",
             "typedef struct yeo_johnson_column {", "    const char *name;", "    double scipy, sklearn, weighted; /* exponents */",
             "    double exact, exact_weighted;    /* by mpmath */",
             "    double x[YEO_JOHNSON_EVENTS];",
             "    double standardised[YEO_JOHNSON_EVENTS]; /* by scikit-learn */", "} yeo_johnson_column;", "",
             "static const yeo_johnson_column yeo_johnson_columns[] = {"]
    for name, x in COLUMNS.items():
        lines += [f'    {{"{name}",', "     %.17g, %.17g, %.17g, %.17g, %.17g," % (exponents[name], by_sklearn[name][0], weighted[name], *exacts[name]),
                  "    {", *rows(x), "    },", "    {", *rows(by_sklearn[name][1]), "    }},"]
    lines += ["};", "", "static const double yeo_johnson_weights[YEO_JOHNSON_EVENTS] = {", *rows(WEIGHTS), "};", "",
              f"#define YEO_JOHNSON_EXPONENTS {len(EXPONENTS)}", f"#define YEO_JOHNSON_POINTS {len(POINTS)}",
              "static const double yeo_johnson_exponents[] = {", *rows(EXPONENTS), "};",
              "static const double yeo_johnson_points[] = {", *rows(POINTS), "};",
              "static const double yeo_johnson_images[YEO_JOHNSON_EXPONENTS][YEO_JOHNSON_POINTS] = {"]
    for image in images:
        lines += ["    {", *rows(image), "    },"]
    OUT.write_text("\n".join(lines + ["};"]) + "\n")
    return 0


def check():
    text = OUT.read_text()
    exponents, by_sklearn, weighted, exacts, images = make()
    worst = 0.0
    for name in COLUMNS:
        stored = re.search(r'\{"%s",\s*([^{]*),\s*\{' % name, text).group(1)
        stored = [float(v) for v in stored.split(",")]
        worst = max(worst, *(abs(a - b) for a, b in zip(stored, (exponents[name], by_sklearn[name][0], weighted[name], *exacts[name]))))
    body = text.partition("yeo_johnson_images[YEO_JOHNSON_EXPONENTS][YEO_JOHNSON_POINTS] = {")[2]
    stored = np.array([float(v) for v in re.findall(r"[-+0-9.e]+", body) if re.search(r"\d", v)]).reshape(len(EXPONENTS), len(POINTS))
    off = np.max(np.abs(stored - images) / (1e-300 + np.abs(images)))
    print(f"exponents differ by {worst:.1e}, images by {off:.1e}")
    return 0 if worst < 1e-6 and off < 1e-12 else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    sys.exit(check() if parser.parse_args().check else write())
