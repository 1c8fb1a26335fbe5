#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The gamma function's logarithm and its derivatives by mpmath, and the polynomials that lib/tape/kernels/special.h is made of.

    special_functions.py                  writes special_functions.h beside this file
    special_functions.py --check          recomputes and compares with what is stored (needs mpmath)
    special_functions.py --coefficients   prints the polynomials, their errors in ulp, and the asymptotic series
"""
import pathlib
import re
import sys

import mpmath as mp

mp.mp.dps = 60
HALF = mp.mpf(1) / 2
ROOT = mp.findroot(mp.digamma, 1.46)


def arguments():
    """Doubles from 1e-300 to 1e300: even in the logarithm, dense where formulas change, close to the zeros at 1, 2 and ROOT."""
    xs = [mp.mpf(2) ** k * m for k in range(-996, 997, 83) for m in (1, 1.375)]
    xs += [mp.mpf(i) / 16 + mp.mpf(1) / 64 for i in range(0, 192)]
    for zero in (mp.mpf(1), mp.mpf(2), ROOT):
        xs += [zero + s * mp.mpf(2) ** -k for k in range(3, 50, 3) for s in (-1, 1)]
    xs += [b + s * mp.mpf(2) ** -40 for b in (0.5, 1.5, 2.5, 8, 10, 12) for s in (-1, 0, 1)]
    return sorted({float(x) for x in xs})


def functions(x):
    x = mp.mpf(x)
    return [mp.loggamma(x)] + [mp.polygamma(n, x) for n in range(4)]


def interpolate(f, degree):
    """Coefficients of the polynomial in t that meets f(t) at the Chebyshev points of [-1/2, 1/2]; an even number of points, so 0 is not one."""
    n = degree + 1
    ts = [HALF * mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    a = mp.matrix(n, n)
    for i, t in enumerate(ts):
        for j in range(n):
            a[i, j] = t**j
    return list(mp.lu_solve(a, mp.matrix([f(t) for t in ts])))


def largest_error(f, c):
    c = [mp.mpf(float(x)) for x in c]  # as stored
    ts = [-HALF + (i + mp.mpf(1) / 3) / 1000 for i in range(1000)]
    return max(abs(mp.polyval(list(reversed(c)), t) / f(t) - 1) for t in ts) * 2**53


def coefficients():
    parts = [("lgamma(2 + t) / t", lambda t: mp.loggamma(2 + t) / t, 17),
             ("digamma(3/2 + t) / (3/2 + t - root)", lambda t: mp.digamma(3 * HALF + t) / (3 * HALF + t - ROOT), 21)]
    for name, f, degree in parts:
        c = interpolate(f, degree)
        print(f"{name}: degree {degree}, {mp.nstr(largest_error(f, c), 3)} ulp")
        for x in reversed(c):
            print(f"    {float(x).hex()}")
    high = float(ROOT)
    print(f"root of digamma: {high.hex()} + {float(ROOT - high).hex()}")
    print("B_2k / (2k (2k - 1)):", ", ".join((float(mp.bernoulli(2 * k) / (2 * k * (2 * k - 1)))).hex() for k in range(1, 11)))
    print("B_2k / (2k):", ", ".join((float(mp.bernoulli(2 * k) / (2 * k))).hex() for k in range(1, 11)))
    print("B_2k:", ", ".join((float(mp.bernoulli(2 * k))).hex() for k in range(1, 11)))
    print("B_2k (2k + 1):", ", ".join((float(mp.bernoulli(2 * k) * (2 * k + 1))).hex() for k in range(1, 11)))
    print("B_2k (2k + 1) (2k + 2):", ", ".join((float(mp.bernoulli(2 * k) * (2 * k + 1) * (2 * k + 2))).hex() for k in range(1, 11)))
    print("ln(2 pi) / 2:", (float(mp.log(2 * mp.pi) / 2)).hex())


def two(value):
    """A number as a pair of doubles, so that less than an ulp can be told; infinite where a double is."""
    high = float(value)
    if high in (float("inf"), float("-inf")):
        return [high, 0.0]
    return [high, float(value - mp.mpf(high))]


def text(x):
    return ("-" if x < 0 else "") + "INFINITY" if x in (float("inf"), float("-inf")) else x.hex()


def main():
    path = pathlib.Path(__file__).with_name("special_functions.h")
    if "--coefficients" in sys.argv[1:]:
        coefficients()
        return 0
    rows = [[x] + [part for value in functions(x) for part in two(value)] for x in arguments()]
    body = ",\n".join("    {" + ", ".join(text(v) for v in row) + "}" for row in rows)
    made = (
        "/* SPDX-License-Identifier: Apache-2.0 */\n"
        f"/* Made by tests/reference/special_functions.py with mpmath {mp.__version__}: x, then lgamma, digamma, trigamma, tetragamma and\n"
        " * pentagamma of x, each as the sum of two doubles. */\n"
        "#ifndef SBI_TESTS_SPECIAL_FUNCTIONS_H\n#define SBI_TESTS_SPECIAL_FUNCTIONS_H\n\n#include <math.h>\n\n"
        f"static const double special_values[{len(rows)}][11] = {{\n{body}}};\n\n#endif\n")
    if "--check" in sys.argv[1:]:
        same = re.sub(r"mpmath [\d.]+", "", path.read_text()) == re.sub(r"mpmath [\d.]+", "", made)
        print("the same values as stored" if same else "other values than stored")
        return int(not same)
    path.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
