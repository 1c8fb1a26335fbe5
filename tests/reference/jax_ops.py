#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Value, gradient and Hessian of every operation of the tape by JAX in f64, of a scalar and summed over events.

    jax_ops.py            writes jax_ops.h beside this file
    jax_ops.py --check    recomputes and compares with what is stored (needs jax and numpy)

The points and the events are those of tests/unit/tape_operations.h and test_tape_ops_jax.c.
"""
import pathlib
import re
import sys

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp  # noqa: E402
from jax.scipy.special import digamma, gammaln, polygamma  # noqa: E402

EVENTS = 37
UP, DOWN = 1.3, 0.8
HALF_LN_2PI = 0.5 * np.log(2 * np.pi)


def code4(a):
    u, d = UP, DOWN
    lu, ld = np.log(u), np.log(d)
    s0, a0, s1, a1 = (u + d) / 2, (u - d) / 2, (u * lu - d * ld) / 2, (u * lu + d * ld) / 2
    s2, a2 = (u * lu**2 + d * ld**2) / 2, (u * lu**2 - d * ld**2) / 2
    c = [(15 * a0 - 7 * s1 + a2) / 8, (-24 + 24 * s0 - 9 * a1 + s2) / 8, (-5 * a0 + 5 * s1 - a2) / 4,
         (12 - 12 * s0 + 7 * a1 - s2) / 4, (3 * a0 - 3 * s1 + a2) / 8, (-8 + 8 * s0 - 5 * a1 + s2) / 8]
    return jnp.where(a > 1, jnp.exp(a * lu), jnp.where(a < -1, jnp.exp(-a * ld), 1 + sum(c[n] * a ** (n + 1) for n in range(6))))


def additive(code):
    s, b = (UP + DOWN) / 2 - 1, (UP - DOWN) / 2

    def f(a):
        linear = jnp.where(a >= 0, 1 + a * (UP - 1), 1 + a * (1 - DOWN))
        if code == 0:
            return linear
        if code == 2:
            inside = 1 + b * a + s * a**2
            return jnp.where(a > 1, UP + (b + 2 * s) * (a - 1), jnp.where(a < -1, DOWN + (b - 2 * s) * (a + 1), inside))
        inside = 1 + b * a + s / 8 * (15 * a**2 - 10 * a**4 + 3 * a**6)
        return jnp.where(jnp.abs(a) > 1, linear, inside)
    return f


def times(f):
    return lambda a, b: b * f(a)


# name: function of a and b; the points of a; for a scalar only
ANY, POSITIVE, ALPHA = [0.3, -1.2, 5.0, 40.0], [0.3, 1.2, 5.0, 400.0], [0.3, -0.2, 1.7, -2.4]
SIGNED = [0.3, -1.2, 5.0, -7.0]
OPERATIONS = {
    "add": (lambda a, b: a + b, ANY), "sub": (lambda a, b: a - b, ANY), "mul": (lambda a, b: a * b, ANY),
    "div": (lambda a, b: a / b, ANY), "pow": (lambda a, b: jnp.exp(b * jnp.log(a)), [0.3, 1.2, 5.0, 40.0]),
    "pow 3": (times(lambda a: a**3), SIGNED), "pow -2": (times(lambda a: 1 / a**2), SIGNED),
    "pow 0": (times(lambda a: 1 + 0 * a), SIGNED), "pow 1": (times(lambda a: a), SIGNED),
    "neg": (times(lambda a: -a), ANY), "square": (times(jnp.square), ANY),
    "exp": (times(jnp.exp), [0.3, -1.2, 5.0, 20.0]), "expm1": (times(jnp.expm1), [0.3, -1.2, 1e-2, -30.0]),
    "log": (times(jnp.log), POSITIVE), "log1p": (times(jnp.log1p), [0.3, -0.7, 0.02, 400.0]),
    "sqrt": (times(jnp.sqrt), POSITIVE), "tanh": (times(jnp.tanh), [0.3, -1.2, 5.0, -0.02]),
    "logistic": (times(jax.nn.sigmoid), [0.3, -1.2, 5.0, -30.0]), "softplus": (times(jax.nn.softplus), [0.3, -1.2, 5.0, -30.0]),
    "lgamma": (times(gammaln), [0.3, 1.7, 5.0, 400.0]), "digamma": (times(digamma), POSITIVE),
    "trigamma": (times(lambda a: polygamma(1, a)), POSITIVE),
    "poisson 2.5": (times(lambda a: a - 2.5 * jnp.log(a) + gammaln(3.5)), [0.3, 2.4, 5.0, 400.0]),
    "poisson 0": (times(lambda a: a), [0.3, 2.4, 5.0, 400.0]),
    "gaussian": (lambda a, b: ((a - b) / jnp.exp(b)) ** 2 / 2 + b + HALF_LN_2PI, ANY),
    "gaussian, short": (lambda a, b: ((a - b) / 1.5) ** 2 / 2, ANY),
    "lognormal": (lambda a, b: (jnp.log(a / b) / jnp.log1p(b)) ** 2 / 2 + jnp.log(a * jnp.log1p(b)) + HALF_LN_2PI,
                  [0.3, 1.2, 5.0, 40.0]),
    "lognormal, short": (lambda a, b: (jnp.log(a / b) / np.log(1.25)) ** 2 / 2, [0.3, 1.2, 5.0, 40.0]),
    "interp 0": (times(additive(0)), ALPHA, True), "interp 1": (times(lambda a: jnp.where(a >= 0, UP**a, DOWN ** (-a))), ALPHA, True),
    "interp 2": (times(additive(2)), ALPHA, True), "interp 4": (times(code4), ALPHA, True),
    "interp 4p": (times(additive(40)), ALPHA, True),
    "map cube": (times(lambda a: a**3), SIGNED), "apply": (lambda a, b: a**2 * b + jnp.sin(a - b), SIGNED, True),
}


def compute():
    i = np.arange(EVENTS)
    c, d, w = 1 + 0.004 * i, 0.01 * i, 1 + 0.1 * i
    rows = []
    for name, (f, points, *scalar_only) in OPERATIONS.items():
        for eventwise in (0, 1):
            if eventwise and scalar_only:
                continue
            whole = (lambda x: jnp.sum(w * f(x[0] * c, x[1] + d))) if eventwise else (lambda x: f(x[0], x[1]))
            for a in points:
                x = jnp.array([a, 0.7])
                rows.append((name, eventwise, [a, float(whole(x)), *np.array(jax.grad(whole)(x)), *np.array(jax.hessian(whole)(x)).ravel()]))
    # exp(p c + q d): a dot product
    for a in (0.3, -1.2):
        def dot(x):
            return jnp.sum(w * jnp.exp(x[0] * c + x[1] * d))
        x = jnp.array([a, 0.7])
        rows.append(("dot", 1, [a, float(dot(x)), *np.array(jax.grad(dot)(x)), *np.array(jax.hessian(dot)(x)).ravel()]))
    return rows


def main():
    path = pathlib.Path(__file__).with_name("jax_ops.h")
    rows = compute()
    if "--check" in sys.argv[1:]:
        stored = np.array([float.fromhex(x) for x in re.findall(r"-?0x[0-9a-f.]+p[+-]\d+", path.read_text())])
        numbers = np.concatenate([r[2] for r in rows])
        if stored.shape != numbers.shape:
            print(f"{stored.size} values are stored, {numbers.size} were computed")
            return 1
        worst = np.max(np.abs(stored - numbers) / np.maximum(np.abs(numbers), 1.0))
        print(f"jax {jax.__version__}: largest relative difference to the stored values {worst:.2e}")
        return int(not worst < 1e-12)
    body = ",\n".join(f'    {{"{name}", {e}, {{{", ".join(float(v).hex() for v in values)}}}}}' for name, e, values in rows)
    path.write_text(
        "/* SPDX-License-Identifier: Apache-2.0 */\n"
        f"/* Made by tests/reference/jax_ops.py with jax {jax.__version__}: p (q is 0.7), then value, gradient and Hessian. */\n"
        "#ifndef SBI_TESTS_JAX_OPS_H\n#define SBI_TESTS_JAX_OPS_H\n\n"
        f"static const struct jax_operation {{\n    const char *name;\n    int eventwise;\n    double values[8];\n}} jax_operations[{len(rows)}] = {{\n"
        f"{body}}};\n\n#endif\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
