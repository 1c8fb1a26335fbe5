# SPDX-License-Identifier: Apache-2.0
"""Fits: best values, covariance, MINOS, profiles, minima, confidence sets, contours, impacts, test statistics."""

from __future__ import annotations

import ctypes
import json
import os
import tempfile
from dataclasses import dataclass
from typing import Callable, Optional, Sequence

import numpy as np

from . import _api
from ._api import lib
from .arrays import doubles, pointer
from .campaign import Executor
from .context import Context, Handle, default, make, text
from .errors import check
from .model import Model


def _names(names: Sequence[str]):
    return (ctypes.c_char_p * len(names))(*(n.encode() for n in names))


@dataclass(frozen=True)
class Minimum:
    """A minimum that the starts of a fit led to."""

    values: np.ndarray
    nll: float
    above: float  # nll minus that of the deepest
    n_starts: int
    is_global: bool
    at_limit: bool


@dataclass(frozen=True)
class Interval:
    """One interval of a confidence set; kinds: sbi.END_CROSSING, END_LIMIT, END_OF_RANGE."""

    low: float
    high: float
    kind: tuple[int, int]
    t: tuple[float, float]
    deepest: float


@dataclass(frozen=True)
class ConfidenceSet:
    """All x with t(x) <= delta_t within a range. Look at message: it tells what the grid may have missed."""

    intervals: list[Interval]
    delta_t: float
    nll_min: float
    deeper: bool
    spacing: float
    n_failed: int
    message: str

    def __contains__(self, x: float) -> bool:
        return any(i.low <= x <= i.high for i in self.intervals)


@dataclass(frozen=True)
class Curve:
    """A closed curve of a contour, the region on its left; the last point connects to the first."""

    x: np.ndarray
    y: np.ndarray
    kind: np.ndarray


def _options(tolerance, method, flags, n_starts, seed, start, fixed, free, bounds):
    o = _api.FitOptions()
    lib.sbi_fit_options_init(ctypes.byref(o))
    o.tolerance, o.method, o.flags, o.n_starts, o.seed = tolerance, method, flags, n_starts, seed
    kept = []

    def array(values):
        out = (ctypes.c_double * len(values))(*values)
        kept.append(out)
        return ctypes.cast(out, ctypes.POINTER(ctypes.c_double))

    def names(values):
        out = _names(values)
        kept.append(out)
        return ctypes.cast(out, ctypes.POINTER(ctypes.c_char_p))

    if start:
        o.n_start, o.start_names, o.start_values = len(start), names(list(start)), array(list(start.values()))
    if fixed:
        values = [float("nan") if v is None else v for v in fixed.values()]
        o.n_fixed, o.fixed_names, o.fixed_values = len(fixed), names(list(fixed)), array(values)
    if free:
        o.n_free, o.free_names = len(free), names(list(free))
    if bounds:
        o.n_bounds, o.bound_names = len(bounds), names(list(bounds))
        o.bound_lower = array([b[0] for b in bounds.values()])
        o.bound_upper = array([b[1] for b in bounds.values()])
    return o, kept


def _level(options, cl, delta_t):
    if cl is not None and delta_t is not None:
        raise ValueError("give cl or delta_t, not both")
    if delta_t is not None:
        options.cl, options.delta_t = float("nan"), delta_t
    elif cl is not None:
        options.cl = cl


class Fit(Handle):
    """Fit(model): minimises at once. start, fixed ({name: value or None}) and bounds ({name: (low, high)}) replace the model's.
    A fit that did not converge is a result: look at .converged and .message."""

    _destroy = "sbi_fit_destroy"

    def __init__(self, model: Model, start: Optional[dict] = None, fixed: Optional[dict] = None,
                 free: Sequence[str] = (), bounds: Optional[dict] = None, tolerance: float = 0.1,
                 method: int = _api.FIT_NEWTON, flags: int = 0, n_starts: int = 1, seed: int = 0):
        options, kept = _options(tolerance, method, flags, n_starts, seed, start, fixed, free, bounds)
        super().__init__(make(lib.sbi_fit_run, model.pointer, ctypes.byref(options)), model, kept)

    @classmethod
    def of_function(cls, names: Sequence[str], start, value_and_gradient: Callable, hessian: Optional[Callable] = None,
                    lower=None, upper=None, hvp: Optional[Callable] = None, context: Optional[Context] = None, **options) -> "Fit":
        """Fits a likelihood of one's own: value_and_gradient(theta) -> (value, gradient), hessian(theta) -> [P, P],
        hvp(theta, V[m, P]) -> V H [m, P]."""
        context = context or default()
        n = len(names)
        failure: list[BaseException] = []

        def guarded(call):
            def run(*arguments):
                try:
                    call(*arguments)
                    return 0
                except BaseException as error:  # carried over the C frames and raised below
                    failure.append(error)
                    return -23

            return run

        def on_gradient(_, theta, value, gradient):
            v, g = value_and_gradient(np.ctypeslib.as_array(theta, (n,)).copy())
            value[0] = v
            if gradient:
                np.ctypeslib.as_array(gradient, (n,))[:] = g

        def on_hessian(_, theta, value, gradient, out):
            x = np.ctypeslib.as_array(theta, (n,)).copy()
            v, g = value_and_gradient(x)
            value[0] = v
            np.ctypeslib.as_array(gradient, (n,))[:] = g
            np.ctypeslib.as_array(out, (n, n))[:] = hessian(x)

        def on_hvp(_, theta, V, m, out):
            x, v = np.ctypeslib.as_array(theta, (n,)).copy(), np.ctypeslib.as_array(V, (m, n)).copy()
            np.ctypeslib.as_array(out, (m, n))[:] = hvp(x, v)

        o = _api.Objective()
        lib.sbi_objective_init(ctypes.byref(o))
        members = dict(o._fields_)
        o.n_params = n
        kept = [_names(names), doubles(start, (n,))]
        o.names = ctypes.cast(kept[0], ctypes.POINTER(ctypes.c_char_p))
        o.start = pointer(kept[1])
        for member, values in (("lower", lower), ("upper", upper)):
            if values is not None:
                kept.append(doubles(values, (n,)))
                setattr(o, member, pointer(kept[-1]))
        o.gradient = members["gradient"](guarded(on_gradient))
        if hessian:
            o.hessian = members["hessian"](guarded(on_hessian))
        if hvp:
            o.hvp = members["hvp"](guarded(on_hvp))
        defaults = dict(tolerance=0.1, method=_api.FIT_NEWTON, flags=0, n_starts=1, seed=0, start=None, fixed=None,
                        free=(), bounds=None)
        fit_options, more = _options(**{**defaults, **options})
        self = cls.__new__(cls)
        try:
            handle = make(lib.sbi_fit_run_objective, context.pointer, ctypes.byref(o), ctypes.byref(fit_options))
        except Exception:
            if failure:
                raise failure[0]
            raise
        Handle.__init__(self, handle, context, o, kept, more)
        return self

    @property
    def local_minima(self) -> list[Minimum]:
        """The distinct minima that the starts (n_starts) led to, the deepest first."""
        out, n = [], lib.sbi_fit_n_params(self.pointer)
        for i in range(lib.sbi_fit_n_minima(self.pointer)):
            m, values = _api.FitMinimum(struct_size=ctypes.sizeof(_api.FitMinimum)), np.empty(n)
            check(lib.sbi_fit_get_minimum(self.pointer, i, ctypes.byref(m), pointer(values)))
            out.append(Minimum(values, m.nll, m.above, m.n_starts, bool(m.is_global), m.reason == _api.FIT_AT_LIMIT))
        return out

    def write_json(self, path) -> None:
        """Everything that is known of the fit as a file."""
        check(lib.sbi_fit_write_json(self.pointer, os.fsencode(path)))

    def to_json(self) -> dict:
        """The same as a dictionary; numbers that do not exist are None."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "fit.json")
            self.write_json(path)
            with open(path, encoding="utf-8") as file:
                return json.load(file)

    @property
    def info(self) -> _api.FitInfo:
        out = _api.FitInfo(struct_size=ctypes.sizeof(_api.FitInfo))
        check(lib.sbi_fit_get_info(self.pointer, ctypes.byref(out)))
        return out

    @property
    def converged(self) -> bool:
        return lib.sbi_fit_reason(self.pointer) < 10

    @property
    def reason(self) -> int:
        return lib.sbi_fit_reason(self.pointer)

    @property
    def message(self) -> str:
        return lib.sbi_fit_message(self.pointer).decode()

    @property
    def parameters(self) -> list[str]:
        n = lib.sbi_fit_n_params(self.pointer)
        return [lib.sbi_fit_param_name(self.pointer, i).decode() for i in range(n)]

    @property
    def nll(self) -> float:
        out = ctypes.c_double()
        check(lib.sbi_fit_nll(self.pointer, ctypes.byref(out)))
        return out.value

    def _vector(self, function) -> np.ndarray:
        out = np.empty(lib.sbi_fit_n_params(self.pointer))
        check(function(self.pointer, pointer(out)))
        return out

    def _matrix(self, function) -> np.ndarray:
        n = lib.sbi_fit_n_params(self.pointer)
        out = np.empty((n, n))
        check(function(self.pointer, pointer(out)))
        return out

    @property
    def values(self) -> np.ndarray:
        return self._vector(lib.sbi_fit_values)

    @property
    def errors(self) -> np.ndarray:
        return self._vector(lib.sbi_fit_errors)

    @property
    def covariance(self) -> np.ndarray:
        return self._matrix(lib.sbi_fit_covariance)

    @property
    def correlation(self) -> np.ndarray:
        return self._matrix(lib.sbi_fit_correlation)

    @property
    def global_correlations(self) -> np.ndarray:
        return self._vector(lib.sbi_fit_global_correlations)

    def value(self, name: str) -> float:
        out = ctypes.c_double()
        check(lib.sbi_fit_value(self.pointer, name.encode(), ctypes.byref(out)))
        return out.value

    def error(self, name: str) -> float:
        out = ctypes.c_double()
        check(lib.sbi_fit_error(self.pointer, name.encode(), ctypes.byref(out)))
        return out.value

    def minos(self, name: str) -> tuple[float, float]:
        """(down, up): negative and positive; nan where there is no crossing."""
        out = (ctypes.c_double * 2)()
        check(lib.sbi_fit_minos(self.pointer, name.encode(), out))
        return out[0], out[1]

    def profile(self, name: str, values, with_params: bool = False):
        """min over the others of F at each value; with_params: also the parameters there, [n, P]."""
        values = doubles(values)
        nll = np.empty_like(values)
        params = np.empty((len(values), lib.sbi_fit_n_params(self.pointer))) if with_params else None
        check(lib.sbi_fit_profile(self.pointer, name.encode(), pointer(values), len(values), pointer(nll), pointer(params)))
        return (nll, params) if with_params else nll

    def scan(self, name: str, values) -> np.ndarray:
        values = doubles(values)
        nll = np.empty_like(values)
        check(lib.sbi_fit_scan(self.pointer, name.encode(), pointer(values), len(values), pointer(nll)))
        return nll

    def minima(self, name: str, low: float, high: float, n_grid: int = 41, capacity: int = 8):
        """[(position, F)] of all local minima along a parameter, ascending in position."""
        found = ctypes.c_size_t()
        positions, nll = np.empty(capacity), np.empty(capacity)
        check(lib.sbi_fit_minima(self.pointer, name.encode(), low, high, n_grid, capacity, ctypes.byref(found),
                                 pointer(positions), pointer(nll), None))
        return [(positions[i], nll[i]) for i in range(min(found.value, capacity))]

    def confidence_set(self, name: str, cl: Optional[float] = None, delta_t: Optional[float] = None,
                       low: Optional[float] = None, high: Optional[float] = None, n_grid: int = 41) -> ConfidenceSet:
        """Where t = delta T is below the quantile of cl (68.27 % if neither is given) or below delta_t: several intervals where the
        likelihood has several minima."""
        o = _api.ConfidenceSetOptions()
        lib.sbi_confidence_set_options_init(ctypes.byref(o))
        _level(o, cl, delta_t)
        o.n_grid = n_grid
        o.low = float("nan") if low is None else low
        o.high = float("nan") if high is None else high
        handle = ctypes.c_void_p()
        check(lib.sbi_confidence_set_find(ctypes.byref(handle), self.pointer, name.encode(), ctypes.byref(o)))
        try:
            info = _api.ConfidenceSetInfo(struct_size=ctypes.sizeof(_api.ConfidenceSetInfo))
            check(lib.sbi_confidence_set_get_info(handle, ctypes.byref(info)))
            intervals = []
            for i in range(info.n_intervals):
                v = _api.ConfidenceInterval(struct_size=ctypes.sizeof(_api.ConfidenceInterval))
                check(lib.sbi_confidence_set_interval(handle, i, ctypes.byref(v)))
                intervals.append(Interval(v.end[0], v.end[1], tuple(v.kind), tuple(v.t), v.deepest))
            message = lib.sbi_confidence_set_message(handle).decode()
            return ConfidenceSet(intervals, info.delta_t, info.nll_min, bool(info.deeper), info.spacing, info.n_failed, message)
        finally:
            lib.sbi_confidence_set_destroy(handle)

    def contour(self, x: str, y: str, cl: Optional[float] = None, delta_t: Optional[float] = None, n_grid: int = 16,
                scan: bool = False, low=None, high=None) -> list[Curve]:
        """Closed curves where the profile of two parameters crosses a level: cl for two degrees of freedom (68.27 % if neither is
        given) or delta_t. scan: also curves around no known minimum, at n_grid^2 fits. low, high: pairs, ranges of x and y."""
        o = _api.ContourOptions()
        lib.sbi_contour_options_init(ctypes.byref(o))
        _level(o, cl, delta_t)
        o.n_grid = n_grid
        o.flags = _api.CONTOUR_SCAN if scan else 0
        for member, pair in ((o.low, low), (o.high, high)):
            for axis in range(2):
                member[axis] = float("nan") if pair is None or pair[axis] is None else pair[axis]
        handle = ctypes.c_void_p()
        check(lib.sbi_contour_find(ctypes.byref(handle), self.pointer, x.encode(), y.encode(), ctypes.byref(o)))
        try:
            curves = []
            for i in range(lib.sbi_contour_n_curves(handle)):
                n = lib.sbi_contour_n_points(handle, i)
                xs, ys, kind = np.empty(n), np.empty(n), np.empty(n, dtype=np.int32)
                kinds = kind.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
                check(lib.sbi_contour_points(handle, i, pointer(xs), pointer(ys), kinds))
                curves.append(Curve(xs, ys, kind))
            return curves
        finally:
            lib.sbi_contour_destroy(handle)

    def covariance_row(self, name: str) -> np.ndarray:
        """One row of the covariance, also of fits that form no matrix."""
        out = np.empty(lib.sbi_fit_n_params(self.pointer))
        check(lib.sbi_fit_covariance_row(self.pointer, name.encode(), pointer(out)))
        return out

    def impacts(self, poi: str) -> tuple[np.ndarray, np.ndarray]:
        """(postfit, prefit) of every parameter on poi, from the covariance."""
        n = lib.sbi_fit_n_params(self.pointer)
        postfit, prefit = np.empty(n), np.empty(n)
        check(lib.sbi_fit_impacts(self.pointer, poi.encode(), pointer(postfit), pointer(prefit)))
        return postfit, prefit

    def pulls(self) -> tuple[np.ndarray, np.ndarray]:
        """(pull, constraint) of every parameter; nan where there is no constraint."""
        n = lib.sbi_fit_n_params(self.pointer)
        pull, constraint = np.empty(n), np.empty(n)
        check(lib.sbi_fit_pulls(self.pointer, pointer(pull), pointer(constraint)))
        return pull, constraint

    def test_statistic(self, name: str, mu: float, kind: int = _api.STATISTIC_T) -> float:
        out = ctypes.c_double()
        check(lib.sbi_fit_test_statistic(self.pointer, name.encode(), mu, kind, ctypes.byref(out)))
        return out.value

    def hessian(self, executor: Optional[Executor] = None) -> np.ndarray:
        """The exact Hessian at the best fit, rows as tasks of an executor where one is given."""
        n = lib.sbi_fit_n_params(self.pointer)
        out = np.empty((n, n))
        check(lib.sbi_fit_hessian(self.pointer, executor.pointer if executor else None, pointer(out)))
        return out

    def hessian_campaign(self, executor: Optional[Executor] = None, rows_a_task: int = 0, events_a_task: int = 0,
                         campaign=None) -> np.ndarray:
        """The same as a campaign: blocks of rows x ranges of events are tasks, kept in the folder `campaign`, so that it can be killed
        and called again. The bits are those of hessian()."""
        n = lib.sbi_fit_n_params(self.pointer)
        out = np.empty((n, n))
        o = _api.HessianOptions()
        lib.sbi_hessian_options_init(ctypes.byref(o))
        o.rows_a_task, o.events_a_task, o.campaign = rows_a_task, events_a_task, text(campaign)
        check(lib.sbi_fit_hessian_campaign(self.pointer, executor.pointer if executor else None, ctypes.byref(o), pointer(out)))
        return out

    def set_hessian(self, hessian) -> None:
        n = lib.sbi_fit_n_params(self.pointer)
        check(lib.sbi_fit_set_hessian(self.pointer, pointer(doubles(hessian, (n, n)))))
