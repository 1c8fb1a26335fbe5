# SPDX-License-Identifier: Apache-2.0
"""Toys, limits and the Neyman construction through the C interface, as arrays."""

import ctypes

import numpy as np

from sbi import _api
from sbi._api import lib
from sbi.arrays import doubles, pointer
from sbi.errors import check


def profiled(fit, name, value):
    """All parameters where the likelihood is best with one of them held."""
    theta = np.empty(len(fit.parameters))
    check(lib.sbi_fit_profiled(fit.pointer, name.encode(), value, pointer(theta), None))
    return theta


def _column(toys, name):
    out = np.empty(lib.sbi_toys_count(toys))
    check(lib.sbi_toys_column(toys, name.encode(), pointer(out)))
    return out


def run_toys(model, theta, columns, count, tested=(), seed=1):
    """{column: [count]} of toys at theta, NaN where they failed. columns: {name: SBI_TOYS_... flag, 0 for those of the fit}."""
    options = _api.ToysOptions()
    lib.sbi_toys_options_init(ctypes.byref(options))
    tested = doubles(tested)
    options.count, options.seed, options.n_tested, options.tested = count, seed, len(tested), pointer(tested)
    for flag in columns.values():
        options.compute |= flag
    handle = ctypes.c_void_p()
    check(lib.sbi_toys_run(ctypes.byref(handle), model.pointer, pointer(doubles(theta)), ctypes.byref(options), None))
    try:
        return {name: _column(handle, name) for name in columns}
    finally:
        lib.sbi_toys_destroy(handle)


class AsimovFit:
    """The fit of Asimov data at the nuisance parameters that `fit` prefers at a value."""

    def __init__(self, fit, name, value):
        self.pointer, self.data = ctypes.c_void_p(), ctypes.c_void_p()
        check(lib.sbi_fit_run_asimov(ctypes.byref(self.pointer), ctypes.byref(self.data), fit.pointer, name.encode(), value))

    def close(self):
        lib.sbi_fit_destroy(self.pointer)
        lib.sbi_model_destroy(self.data)

    def statistic(self, name, mu, kind):
        out = ctypes.c_double()
        check(lib.sbi_fit_test_statistic(self.pointer, name.encode(), mu, kind, ctypes.byref(out)))
        return out.value


def limits(fit, asimov, name):
    """(observed, expected [5])."""
    out = _api.Limit(struct_size=ctypes.sizeof(_api.Limit))
    check(lib.sbi_fit_limits(fit.pointer, asimov.pointer, name.encode(), None, ctypes.byref(out)))
    return out.observed, np.array(out.expected)


def cls(fit, asimov, name, values):
    """(observed [n], expected [n, 5]) CLs by q-tilde and the asymptotic formulae."""
    observed, expected = [], []
    for mu in values:
        a = asimov.statistic(name, mu, _api.STATISTIC_QTILDE)
        row = []
        for n in (None, -2, -1, 0, 1, 2):
            q = fit.test_statistic(name, mu, _api.STATISTIC_QTILDE) if n is None else max(np.sqrt(a) - n, 0.0) ** 2
            cl = (ctypes.c_double * 3)()
            check(lib.sbi_asymptotic_cls(_api.STATISTIC_QTILDE, q, a, cl))
            row.append(cl[2])
        observed.append(row[0])
        expected.append(row[1:])
    return np.array(observed), np.array(expected)


def neyman(fit, name, values, count, seed=1):
    """levels, observed [n], critical {level: [n]}, errors {level: [n, 2]}, best fits and statistics of the toys at each value."""
    levels = (0.682689492137, 0.95)
    toys = _api.ToysOptions()
    lib.sbi_toys_options_init(ctypes.byref(toys))
    starts = doubles([0.05, 1.0, 3.0])
    toys.count, toys.seed, toys.n_starts, toys.starts = count, seed, len(starts), pointer(starts)
    options = _api.NeymanOptions()
    lib.sbi_neyman_options_init(ctypes.byref(options))
    options.toys = ctypes.pointer(toys)
    values, handle = doubles(values), ctypes.c_void_p()
    n = len(values)
    check(lib.sbi_neyman_run(ctypes.byref(handle), fit.pointer, name.encode(), pointer(values), n, ctypes.byref(options), None))
    try:
        observed, critical, errors = np.empty(n), {}, {}
        check(lib.sbi_neyman_observed(handle, pointer(observed)))
        for i, level in enumerate(levels):
            critical[level], errors[level] = np.empty(n), np.empty((n, 2))
            check(lib.sbi_neyman_critical(handle, i, pointer(critical[level]), pointer(errors[level])))
        thrown = [lib.sbi_neyman_toys(handle, i) for i in range(n)]
        return observed, critical, errors, [_column(t, "value") for t in thrown], [_column(t, "t_0") for t in thrown]
    finally:
        lib.sbi_neyman_destroy(handle)
