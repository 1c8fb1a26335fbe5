#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference fits made with iminuit, for tests/unit/test_fit_reference.c.

    python3 tests/reference/iminuit_fit.py           writes tests/reference/iminuit_fit.h
    python3 tests/reference/iminuit_fit.py --check   compares with what is stored

The likelihood is that of counts_make() in tests/unit/fit_problems.h. Migrad, Hesse and Minos run at strategy 2 with a
tolerance of 1e-4 (a thousandth of the default), so that their own error is far below what the test allows.
"""
import math
import pathlib
import re
import sys

import iminuit
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent

# bins, nuisances, interference, mu of the counts, start of mu, lower and upper bound of mu
CASES = [
    (6, 1, 0.0, 1.0, 0.5, 1e-3, 10.0),
    (8, 3, -0.4, 1.5, 1.0, 1e-3, 10.0),
    (8, 2, -1.5, 1.4, 2.0, 1e-3, 10.0),
    (8, 2, -1.6, 1.2, 1.1, 1e-3, 10.0),
    (12, 5, -0.8, 0.6, 0.7, 1e-3, 10.0),
    (16, 8, 0.3, 2.0, 1.0, 1e-3, 10.0),
]
SCAN = [0.3, 0.8, 1.3, 1.9]
FIELDS = ["values", "errors", "lower", "upper", "correlation", "scan"]


class Counts:
    def __init__(self, bins, nuisances, interference, mu):
        i = np.arange(bins, dtype=float)[:, None]
        j = np.arange(nuisances, dtype=float)[None, :]
        t = i[:, 0] / bins
        self.S = 40 * np.exp(-2 * (t - 0.6) ** 2)
        self.I = interference * 40 * np.exp(-3 * (t - 0.4) ** 2)
        self.B = 60 * np.exp(-1.5 * t)
        self.k = 0.08 * np.sin(1 + 0.7 * i + 1.3 * j)
        self.l = 0.12 * np.cos(0.5 + 0.4 * i * (j + 1))
        self.n = np.maximum(1, self.S * mu + self.I * math.sqrt(mu) + self.B + 3 * np.sin(5 * i[:, 0]))

    def nll(self, x):
        mu, a = x[0], np.asarray(x[1:])
        nu = self.S * np.exp(self.k @ a) * mu + self.I * math.sqrt(max(mu, 0)) + self.B * np.exp(self.l @ a)
        if (nu <= 0).any():
            return 1e12
        return math.fsum(nu - self.n * np.log(nu)) + 0.5 * float(a @ a)


def minuit(model, values, names, bounds=None):
    m = iminuit.Minuit(model.nll, values, name=names)
    m.errordef, m.strategy, m.tol = 0.5, 2, 1e-4
    if bounds:
        m.limits["mu"] = bounds
    return m


def fit(bins, nuisances, interference, mu, start, lower, upper):
    model = Counts(bins, nuisances, interference, mu)
    names = ["mu"] + ["a%d" % (j + 1) for j in range(nuisances)]
    m = minuit(model, [start] + [0.0] * nuisances, names, (lower, upper))
    m.migrad(ncall=100000)
    # Again without limits, whose transformation costs digits.
    m = minuit(model, list(m.values), names)
    m.migrad(ncall=100000)
    assert m.valid, (bins, nuisances, interference, mu)
    m.hesse()
    errors, covariance = list(m.errors), np.array(m.covariance)
    m.minos(ncall=100000)
    scan = []
    for x in SCAN:
        c = minuit(model, list(m.values), names)
        c.values["mu"], c.fixed["mu"] = x, True
        c.migrad(ncall=100000)
        scan.append(c.fval - m.fval)
    return {
        "nll": m.fval,
        "values": list(m.values),
        "errors": errors,
        "lower": [m.merrors[n].lower for n in names],
        "upper": [m.merrors[n].upper for n in names],
        "correlation": [covariance[0, j] / (errors[0] * errors[j]) for j in range(len(names))],
        "scan": scan,
    }


def text(results):
    out = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        "/* Made by tests/reference/iminuit_fit.py with iminuit %s. */" % iminuit.__version__,
        "#ifndef TESTS_REFERENCE_IMINUIT_FIT_H",
        "#define TESTS_REFERENCE_IMINUIT_FIT_H",
        "",
        "static const double reference_scan[%d] = {%s};" % (len(SCAN), ", ".join(map(repr, SCAN))),
        "",
        "static const struct reference_fit {",
        "    size_t bins, nuisances;",
        "    double interference, mu, start, lower_bound, upper_bound, nll;",
        "    double values[16], errors[16], lower[16], upper[16], correlation[16], scan[%d];" % len(SCAN),
        "} reference_fits[] = {",
    ]
    for case, r in zip(CASES, results):
        out.append("    {%s, %.15g" % (", ".join(repr(v) for v in case), r["nll"]))
        for field in FIELDS:
            out[-1] += ","
            out.append("     {%s}" % ", ".join("%.9g" % v for v in r[field]))
        out[-1] += "},"
    out += ["};", "", "#endif", ""]
    return "\n".join(out)


def numbers(source):
    table = source.split("reference_fits[]")[1]
    return [float(v) for v in re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", table)]


def main():
    stored = HERE / "iminuit_fit.h"
    made = text([fit(*case) for case in CASES])
    if "--check" in sys.argv[1:]:
        a, b = numbers(stored.read_text()), numbers(made)
        if len(a) != len(b):
            print("%d numbers are stored, %d were made" % (len(a), len(b)))
            return 1
        worst = max(abs(x - y) / max(0.1, abs(y)) for x, y in zip(a, b))
        print("%d numbers, largest difference %.2g" % (len(a), worst))
        return 0 if worst < 1e-4 else 1
    stored.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
