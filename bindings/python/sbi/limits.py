# SPDX-License-Identifier: Apache-2.0
"""p-values, significances, upper limits with bands, goodness of fit."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Optional

import numpy as np

from . import _api
from ._api import lib
from .arrays import doubles, pointer
from .campaign import Executor
from .errors import check
from .fit import Fit
from .context import Handle
from .model import Model
from .toys import toys_options


@dataclass
class Limit:
    """expected: at -2, -1, 0, 1, 2 standard deviations without signal. Errors come from the number of toys. By toys also the criterion at
    each value, [n, 6]: observed and the five expected ones."""

    observed: float
    expected: np.ndarray
    observed_error: float
    expected_error: np.ndarray
    cls: Optional[np.ndarray] = None
    cls_error: Optional[np.ndarray] = None


def _limit(c, **more) -> Limit:
    return Limit(c.observed, np.array(c.expected), c.observed_error, np.array(c.expected_error), **more)


def _choices(options, statistic, criterion, confidence):
    kinds = {"q": _api.STATISTIC_Q, "qtilde": _api.STATISTIC_QTILDE}
    criteria = {"cls": _api.LIMIT_CLS, "clsb": _api.LIMIT_CLSB}
    if statistic not in kinds or criterion not in criteria:
        raise ValueError(f"statistic {statistic!r} or criterion {criterion!r} is unknown")
    options.statistic, options.criterion, options.confidence = kinds[statistic], criteria[criterion], confidence


def asimov_fit(fit: Fit, name: str, value: float) -> Fit:
    """The fit of Asimov data made where the data prefer the other parameters when `name` is at `value`."""
    out, data = ctypes.c_void_p(), ctypes.c_void_p()
    check(lib.sbi_fit_run_asimov(ctypes.byref(out), ctypes.byref(data), fit.pointer, name.encode(), value))
    self = Fit.__new__(Fit)
    Handle.__init__(self, out, Model._wrap(data, fit))
    return self


def profiled(fit: Fit, name: str, value: float) -> np.ndarray:
    """All parameters where F is least with one of them held."""
    out = np.empty(lib.sbi_fit_n_params(fit.pointer))
    check(lib.sbi_fit_profiled(fit.pointer, name.encode(), value, pointer(out), None))
    return out


def upper_limits(fit: Fit, name: str, asimov: Optional[Fit] = None, statistic: str = "qtilde", criterion: str = "cls",
                 confidence: float = 0.95, tolerance: float = 1e-4) -> Limit:
    """Upper limits by the asymptotic formulae, observed and expected. asimov None: asimov_fit(fit, name, 0)."""
    o = _api.LimitOptions()
    lib.sbi_limit_options_init(ctypes.byref(o))
    _choices(o, statistic, criterion, confidence)
    o.tolerance = tolerance
    out = _api.Limit(struct_size=ctypes.sizeof(_api.Limit))
    asimov = asimov or asimov_fit(fit, name, 0.0)
    check(lib.sbi_fit_limits(fit.pointer, asimov.pointer, name.encode(), ctypes.byref(o), ctypes.byref(out)))
    return _limit(out)


def upper_limits_by_toys(fit: Fit, name: str, values, statistic: str = "qtilde", criterion: str = "cls", confidence: float = 0.95,
                         background_count: int = 0, executor: Optional[Executor] = None, **options) -> Limit:
    """Upper limits by toys at ascending values around the limits; options as those of Toys."""
    o = _api.ToyLimitOptions()
    lib.sbi_toy_limit_options_init(ctypes.byref(o))
    _choices(o, statistic, criterion, confidence)
    toys, kept = toys_options(**options)
    o.background_count, o.toys = background_count, ctypes.pointer(toys)
    values = doubles(values)
    cls, error = np.empty((len(values), 6)), np.empty((len(values), 6))
    out = _api.Limit(struct_size=ctypes.sizeof(_api.Limit))
    check(lib.sbi_fit_limits_by_toys(fit.pointer, name.encode(), pointer(values), len(values), ctypes.byref(o),
                                     executor.pointer if executor else None, ctypes.byref(out), pointer(cls), pointer(error)))
    del kept
    return _limit(out, cls=cls, cls_error=error)


def asymptotic_p_value(kind: int, statistic: float, asimov: float = 0.0) -> float:
    """kind: STATISTIC_T, ...; asimov: the statistic of Asimov data without signal, for those with a tilde."""
    out = ctypes.c_double()
    check(lib.sbi_asymptotic_p_value(kind, statistic, asimov, ctypes.byref(out)))
    return out.value


def asymptotic_cls(statistic: str, q: float, q_asimov: float) -> tuple[float, float, float]:
    """(CLsb, CLb, CLs) of an observed q_mu or q~_mu ("q", "qtilde") and its value on Asimov data without signal."""
    kind = {"q": _api.STATISTIC_Q, "qtilde": _api.STATISTIC_QTILDE}.get(statistic)
    if kind is None:
        raise ValueError(f"statistic {statistic!r} is unknown")
    out = (ctypes.c_double * 3)()
    check(lib.sbi_asymptotic_cls(kind, q, q_asimov, out))
    return out[0], out[1], out[2]


def significance(p: float) -> float:
    """The z of a one-sided p-value."""
    return lib.sbi_significance(p)


def discovery(fit: Fit, name: str) -> _api.Discovery:
    """q0, p0 and significance; of an Asimov fit with signal, the expected ones."""
    out = _api.Discovery(struct_size=ctypes.sizeof(_api.Discovery))
    check(lib.sbi_fit_discovery(fit.pointer, name.encode(), ctypes.byref(out)))
    return out


def goodness_of_fit(fit: Fit) -> _api.Goodness:
    """statistic, dof and p_value against the saturated model; all channels must be binned."""
    out = _api.Goodness(struct_size=ctypes.sizeof(_api.Goodness))
    check(lib.sbi_fit_goodness(fit.pointer, ctypes.byref(out)))
    return out
