# SPDX-License-Identifier: Apache-2.0
"""Toy data sets, fits of many of them, and the Neyman construction."""

from __future__ import annotations

import ctypes
from typing import Optional, Sequence

import numpy as np

from . import _api
from ._api import lib
from .arrays import doubles, pointer
from .campaign import Executor
from .context import Context, Handle, default, make, text
from .errors import check
from .fit import Fit
from .model import Model

_COMPUTE = {"parameters": _api.TOYS_PARAMETERS, "t": _api.TOYS_T, "ttilde": _api.TOYS_TTILDE, "q0": _api.TOYS_Q0, "q": _api.TOYS_Q,
            "qtilde": _api.TOYS_QTILDE, "interval": _api.TOYS_INTERVAL, "limit": _api.TOYS_LIMIT,
            "saturated": _api.TOYS_SATURATED}
_AUXILIARY = {"thrown": _api.TOY_AUXILIARY_THROWN, "kept": _api.TOY_AUXILIARY_KEPT, "required": _api.TOY_AUXILIARY_REQUIRED}


def _theta(model: Model, theta) -> np.ndarray:
    n = lib.sbi_model_n_parameters(model.pointer)
    theta = doubles(theta)
    if theta.size != n:
        raise ValueError(f"theta has {theta.size} values for {n} parameters")
    return theta


def _choice(table: dict, key: str, what: str) -> int:
    if key not in table:
        raise ValueError(f"{what} {key!r} is unknown, expected one of {', '.join(table)}")
    return table[key]


class ToyGenerator(Handle):
    """ToyGenerator(model, theta, seed)[number] is a toy data set, as a model."""

    _destroy = "sbi_toy_generator_destroy"

    def __init__(self, model: Model, theta, seed: int = 0, auxiliary: str = "thrown"):
        """auxiliary: "thrown" around theta, "kept" as observed, or "required": thrown, and an error where there are none."""
        options = _api.ToyOptions()
        lib.sbi_toy_options_init(ctypes.byref(options))
        options.seed, options.auxiliary = seed, _choice(_AUXILIARY, auxiliary, "auxiliary")
        self._model = model
        super().__init__(make(lib.sbi_toy_generator_create, model.pointer, pointer(_theta(model, theta)), ctypes.byref(options)),
                         model)

    def __getitem__(self, number: int) -> Model:
        toy = Model._wrap(make(lib.sbi_toy_generate, self.pointer, number), *self._model._kept)
        toy._arrays = self._model._arrays
        return toy


def toys_options(count: int = 1000, compute: Sequence[str] = (), tested: Sequence[float] = (), starts: Sequence[float] = (),
                 fixed: Sequence[str] = (), parameter: Optional[str] = None, seed: int = 0, first: int = 0, auxiliary: str = "thrown",
                 interval_confidence: float = 0.682689492137086, limit_confidence: float = 0.95, campaign=None, toys_a_task: int = 0,
                 collect: bool = False):
    """The C struct and what it points to; arguments as those of Toys."""
    o = _api.ToysOptions()
    lib.sbi_toys_options_init(ctypes.byref(o))
    kept: list[object] = [doubles(tested), doubles(starts), (ctypes.c_char_p * len(fixed))(*(n.encode() for n in fixed))]
    o.count, o.seed, o.first, o.toys_a_task, o.collect = count, seed, first, toys_a_task, int(collect)
    o.auxiliary = _choice(_AUXILIARY, auxiliary, "auxiliary")
    for name in compute:
        o.compute |= _choice(_COMPUTE, name, "quantity")
    o.n_tested, o.tested = len(tested), pointer(kept[0])
    o.n_starts, o.starts = len(starts), pointer(kept[1])
    o.n_fixed, o.fixed_names = len(fixed), ctypes.cast(kept[2], ctypes.POINTER(ctypes.c_char_p))
    o.interval_confidence, o.limit_confidence = interval_confidence, limit_confidence
    o.parameter = parameter.encode() if parameter else None
    o.campaign = text(campaign)
    return o, kept


class Toys(Handle):
    """Toys(model, theta, count=1000, compute=["t"], tested=[1.0]): generates and fits toys at theta.

    compute: "parameters", "t", "ttilde", "q0", "q", "qtilde", "interval", "limit", "saturated". starts: values of the parameter from which
    each fit starts too. fixed: names of parameters that fits hold at theta. executor: tasks of toys_a_task toys; campaign: a folder that
    makes the run resumable; collect: take only what that has. toys["t_0"] is a column; failed toys are nan there, and in .failed."""

    _destroy = "sbi_toys_destroy"

    def __init__(self, model: Model, theta, executor: Optional[Executor] = None, **options):
        o, kept = toys_options(**options)
        handle = make(lib.sbi_toys_run, model.pointer, pointer(_theta(model, theta)), ctypes.byref(o),
                      executor.pointer if executor else None)
        del kept
        super().__init__(handle, model)

    @classmethod
    def _of(cls, handle, *kept) -> "Toys":
        self = cls.__new__(cls)
        Handle.__init__(self, handle, *kept)
        return self

    @classmethod
    def read(cls, path, context: Optional[Context] = None) -> "Toys":
        """What write_json() wrote."""
        context = context or default()
        return cls._of(make(lib.sbi_toys_read_json, context.pointer, text(path)), context)

    def __add__(self, other: "Toys") -> "Toys":
        return Toys._of(make(lib.sbi_toys_concatenate, self.pointer, other.pointer), *self._kept)

    def __len__(self) -> int:
        return lib.sbi_toys_count(self.pointer)

    @property
    def columns(self) -> list[str]:
        return [lib.sbi_toys_column_name(self.pointer, i).decode() for i in range(lib.sbi_toys_n_columns(self.pointer))]

    def __getitem__(self, column: str) -> np.ndarray:
        out = np.empty(len(self))
        check(lib.sbi_toys_column(self.pointer, column.encode(), pointer(out)))
        return out

    @property
    def values(self) -> np.ndarray:
        """A copy of everything, [toys, columns]."""
        shape = (len(self), lib.sbi_toys_n_columns(self.pointer))
        return np.ctypeslib.as_array(lib.sbi_toys_values(self.pointer), shape).copy()

    @property
    def numbers(self) -> np.ndarray:
        return np.array([lib.sbi_toys_number(self.pointer, i) for i in range(len(self))])

    @property
    def status(self) -> np.ndarray:
        """0 where all went well."""
        return np.array([lib.sbi_toys_status(self.pointer, i) for i in range(len(self))])

    @property
    def failed(self) -> dict[int, str]:
        """{number: why} of the toys that failed."""
        return {lib.sbi_toys_number(self.pointer, i): lib.sbi_toys_message(self.pointer, i).decode()
                for i in range(len(self)) if lib.sbi_toys_status(self.pointer, i)}

    def write_json(self, path) -> None:
        check(lib.sbi_toys_write_json(self.pointer, text(path)))

    def write_npy(self, path) -> None:
        check(lib.sbi_toys_write_npy(self.pointer, text(path)))

    def p_value(self, column: str, observed: float) -> tuple[float, float]:
        """(part of the toys with at least the observed value, its binomial error)."""
        p, error = ctypes.c_double(), ctypes.c_double()
        check(lib.sbi_toys_p_value(self.pointer, column.encode(), observed, ctypes.byref(p), ctypes.byref(error)))
        return p.value, error.value

    def quantile(self, column: str, p: float) -> tuple[float, tuple[float, float]]:
        """(value, (error down, error up))."""
        value, error = ctypes.c_double(), (ctypes.c_double * 2)()
        check(lib.sbi_toys_quantile(self.pointer, column.encode(), p, ctypes.byref(value), error))
        return value.value, (error[0], error[1])


class Neyman(Handle):
    """Neyman(fit, "mu", values, count=1000): the Feldman-Cousins construction on a grid of values; options as those of Toys."""

    _destroy = "sbi_neyman_destroy"

    def __init__(self, fit: Fit, name: str, values, levels: Sequence[float] = (0.682689492137086, 0.95), tilde: bool = False,
                 executor: Optional[Executor] = None, **options):
        o = _api.NeymanOptions()
        lib.sbi_neyman_options_init(ctypes.byref(o))
        toys, kept = toys_options(**options)
        self.levels = list(levels)
        values, level_array = doubles(values), doubles(self.levels)
        o.statistic = _api.STATISTIC_TTILDE if tilde else _api.STATISTIC_T
        o.n_levels, o.levels, o.toys = len(self.levels), pointer(level_array), ctypes.pointer(toys)
        handle = make(lib.sbi_neyman_run, fit.pointer, name.encode(), pointer(values), len(values), ctypes.byref(o),
                      executor.pointer if executor else None)
        del kept
        super().__init__(handle, fit)

    def _vector(self, function, *arguments) -> np.ndarray:
        out = np.empty(lib.sbi_neyman_n_values(self.pointer))
        check(function(self.pointer, *arguments, pointer(out)))
        return out

    @property
    def values(self) -> np.ndarray:
        return self._vector(lib.sbi_neyman_values)

    @property
    def observed(self) -> np.ndarray:
        """The statistic of the data at each value."""
        return self._vector(lib.sbi_neyman_observed)

    def critical(self, level: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """(critical values, their errors down and up [n, 2]); level is an index."""
        n = lib.sbi_neyman_n_values(self.pointer)
        out, error = np.empty(n), np.empty((n, 2))
        check(lib.sbi_neyman_critical(self.pointer, level, pointer(out), pointer(error)))
        return out, error

    def p_values(self) -> tuple[np.ndarray, np.ndarray]:
        n = lib.sbi_neyman_n_values(self.pointer)
        out, error = np.empty(n), np.empty(n)
        check(lib.sbi_neyman_p_values(self.pointer, pointer(out), pointer(error)))
        return out, error

    def intervals(self, level: int = 0, statistic=None) -> list[tuple[float, float]]:
        """The confidence set; statistic: another data set's at the grid points."""
        n = lib.sbi_neyman_n_values(self.pointer)
        found, ends = ctypes.c_size_t(), np.empty((n, 2))
        given = doubles(statistic, (n,)) if statistic is not None else None
        check(lib.sbi_neyman_set(self.pointer, level, pointer(given), n, ctypes.byref(found), pointer(ends)))
        return [(float(a), float(b)) for a, b in ends[: found.value]]

    def toys(self, index: int) -> dict[str, np.ndarray]:
        """Columns of the toys at one value: "nll", "value", "error" and the statistic, "t_0" or "ttilde_0", nan where they failed."""
        handle = lib.sbi_neyman_toys(self.pointer, index)
        if not handle:
            raise IndexError(f"there is no value {index}")
        names = [lib.sbi_toys_column_name(handle, i).decode() for i in range(lib.sbi_toys_n_columns(handle))]
        values = np.ctypeslib.as_array(lib.sbi_toys_values(handle), (lib.sbi_toys_count(handle), len(names))).copy()
        return dict(zip(names, values.T))
