#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NLL, gradient and Hessian of unbinned mixtures by JAX in f64, written as the textbooks write it.

    jax_tape.py            writes jax_tape.h beside this file
    jax_tape.py --check    recomputes and compares with what is stored (needs jax and numpy; 0.4 or later)

The inputs are those of tests/unit/tape_mixture.h, made by the same counter-based generator.
"""
import math
import pathlib
import re
import sys

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp  # noqa: E402

PROCESSES, EVENTS, NUISANCES = 4, 300, 5
NU0 = np.array([30.0, 12.0, 60.0, 200.0])
# name, logarithms stored, code, some nuisances left out, normalised, spread
CASES = [("log", True, 4, False, False, 0.1), ("ratio", False, 4, True, True, 0.2), ("code1", True, 1, False, True, 0.1),
         ("code0", False, 0, True, False, 0.2), ("code2", True, 2, False, True, 0.1), ("code4p", False, 40, False, False, 0.1)]
POINTS = 4
MASK = (1 << 64) - 1


class Random:
    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return float((z ^ (z >> 31)) >> 11) * 2.0**-53


def inputs(logs, spread):
    r = Random(12345)
    ratio, weight = np.empty((PROCESSES, EVENTS)), np.empty(EVENTS)
    for i in range(EVENTS):
        x = r.uniform()
        weight[i] = 0.5 + r.uniform()
        ratio[:, i] = 0.2 + 1.6 * x, 0.4 - 0.5 * x, 1.3 - 0.6 * x, 0.7 + 0.3 * r.uniform()
    cells = [spread * (2.0 * r.uniform() - 1.0) for _ in range(2 * PROCESSES * NUISANCES * EVENTS)]
    columns = np.exp(np.array(cells)).reshape(2, PROCESSES, NUISANCES, EVENTS)
    norm = [(math.exp(0.1 * (2.0 * r.uniform() - 1.0)), math.exp(0.1 * (2.0 * r.uniform() - 1.0)))
            for _ in range(PROCESSES * NUISANCES)]
    return ratio, weight, columns[0], columns[1], np.array(norm).reshape(PROCESSES, NUISANCES, 2)


def point(which):
    if which == 3:  # the borders: alpha = +-1, 0
        return np.array([0.49, 1.0, -1.0, 0.0, 0.5, -2.0])
    r, theta = Random(99 + which), [0.7 + 0.3 * which]
    for _ in range(NUISANCES):
        a = (0.3 if which == 0 else 3.4) * (r.uniform() - 0.5)
        if abs(a) < 0.01:
            a += 0.02
        if abs(abs(a) - 1.0) < 0.01:
            a *= 1.03
        theta.append(a)
    return np.array(theta)


def code4(u, d, a):
    lu, ld = jnp.log(u), jnp.log(d)
    s0, a0, s1, a1 = (u + d) / 2, (u - d) / 2, (u * lu - d * ld) / 2, (u * lu + d * ld) / 2
    s2, a2 = (u * lu**2 + d * ld**2) / 2, (u * lu**2 - d * ld**2) / 2
    c = [(15 * a0 - 7 * s1 + a2) / 8, (-24 + 24 * s0 - 9 * a1 + s2) / 8, (-5 * a0 + 5 * s1 - a2) / 4,
         (12 - 12 * s0 + 7 * a1 - s2) / 4, (3 * a0 - 3 * s1 + a2) / 8, (-8 + 8 * s0 - 5 * a1 + s2) / 8]
    inside = 1 + sum(c[n] * a ** (n + 1) for n in range(6))
    return jnp.where(a > 1, jnp.exp(a * lu), jnp.where(a < -1, jnp.exp(-a * ld), inside))


def code1(u, d, a):
    return jnp.where(a >= 0, jnp.exp(a * jnp.log(u)), jnp.exp(-a * jnp.log(d)))


def additive(u, d, a, code):
    s, b = (u + d) / 2 - 1, (u - d) / 2
    if code == 0:
        return jnp.where(a >= 0, 1 + a * (u - 1), 1 + a * (1 - d))
    if code == 2:
        return jnp.where(a > 1, u + (b + 2 * s) * (a - 1), jnp.where(a < -1, d + (b - 2 * s) * (a + 1), 1 + b * a + s * a**2))
    inside = 1 + b * a + s / 8 * (15 * a**2 - 10 * a**4 + 3 * a**6)
    return jnp.where(a > 1, 1 + a * (u - 1), jnp.where(a < -1, 1 + a * (1 - d), inside))


def variation(u, d, a, code):
    if code in (0, 2, 40):
        return additive(u, d, a, code)
    return (code4 if code == 4 else code1)(u, d, a)


def nll(theta, data, code, sparse, normalise):
    ratio, weight, up, down, norm = data
    mu, root, alpha = theta[0], jnp.sqrt(theta[0]), theta[1:]
    f = [mu - root, root, 1 - root, 1.0]
    lam, total = 0.0, 0.0
    for p in range(PROCESSES):
        nu, s = f[p] * NU0[p], ratio[p]
        for k in range(NUISANCES):
            nu = nu * code4(norm[p, k, 0], norm[p, k, 1], alpha[k])
            if not sparse or (k + p) % 3 != 0:
                s = s * variation(up[p, k], down[p, k], alpha[k], code)
        lam, total = lam + nu * (s / jnp.mean(s) if normalise else s), total + nu
    return total - jnp.sum(weight * jnp.log(lam)) + jnp.sum(alpha**2) / 2


def compute():
    numbers = []
    for _, logs, code, sparse, normalise, spread in CASES:
        data = inputs(logs, spread)
        for which in range(POINTS):
            theta = jnp.array(point(which))
            def f(t):
                return nll(t, data, code, sparse, normalise)
            numbers += [*point(which), float(f(theta)), *np.array(jax.grad(f)(theta)),
                        *np.array(jax.hessian(f)(theta)).ravel()]
    return np.array(numbers)


def main():
    path = pathlib.Path(__file__).with_name("jax_tape.h")
    numbers = compute()
    params = 1 + NUISANCES
    if "--check" in sys.argv[1:]:
        stored = np.array([float.fromhex(x) for x in re.findall(r"-?0x[0-9a-f.]+p[+-]\d+", path.read_text())])
        if stored.shape != numbers.shape:
            print(f"{stored.size} values are stored, {numbers.size} were computed")
            return 1
        worst = np.max(np.abs(stored - numbers) / np.maximum(np.abs(numbers), 1.0))
        print(f"jax {jax.__version__}: largest relative difference to the stored values {worst:.2e}")
        return int(not worst < 1e-12)
    blocks = []
    for case in numbers.reshape(len(CASES), POINTS, -1):
        rows = [",\n     ".join(", ".join(float(x).hex() for x in p[i:i + 4]) for i in range(0, len(p), 4)) for p in case]
        blocks.append("{" + ",\n    ".join("{" + row + "}" for row in rows) + "}")
    path.write_text(
        "/* SPDX-License-Identifier: Apache-2.0 */\n"
        f"/* Made by tests/reference/jax_tape.py with jax {jax.__version__}: for each case and point theta, NLL, gradient, Hessian. */\n"
        "#ifndef SBI_TESTS_JAX_TAPE_H\n#define SBI_TESTS_JAX_TAPE_H\n\n"
        f"enum {{ JAX_EVENTS = {EVENTS}, JAX_NUISANCES = {NUISANCES}, JAX_CASES = {len(CASES)}, JAX_POINTS = {POINTS} }};\n"
        f"static const double jax_values[JAX_CASES][JAX_POINTS][{2 * params + 1 + params * params}] = {{\n    "
        + ",\n    ".join(blocks) + "};\n\n#endif\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
