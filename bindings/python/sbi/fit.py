# SPDX-License-Identifier: Apache-2.0
"""Fits: best values, covariance, MINOS, profiles, minima, impacts, test statistics."""

from __future__ import annotations

import ctypes
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
                    lower=None, upper=None, context: Optional[Context] = None, **options) -> "Fit":
        """Fits a likelihood of one's own: value_and_gradient(theta) -> (value, gradient), hessian(theta) -> [P, P]."""
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
