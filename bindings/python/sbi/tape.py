# SPDX-License-Identifier: Apache-2.0
"""The reverse-mode tape: record an expression with Python operators, seal it, evaluate it with derivatives."""

from __future__ import annotations

import ctypes
from typing import Callable, Optional, Sequence

import numpy as np

from . import _api
from ._api import lib
from .arrays import doubles, pointer, view
from .context import Context, Handle, default, make
from .errors import check


class Var:
    """A node of a tape; combine nodes with + - * / ** and with numbers."""

    __slots__ = ("tape", "id")
    __array_ufunc__ = None

    def __init__(self, tape: "Tape", node: int):
        if node == _api.VAR_INVALID:
            check(lib.sbi_tape_status(tape.pointer))
        self.tape = tape
        self.id = node

    def _binary(self, function, a, b):
        return Var(self.tape, function(self.tape.pointer, self.tape.var(a).id, self.tape.var(b).id))

    def _unary(self, function):
        return Var(self.tape, function(self.tape.pointer, self.id))

    def __add__(self, other):
        return self._binary(lib.sbi_tape_add, self, other)

    def __radd__(self, other):
        return self._binary(lib.sbi_tape_add, other, self)

    def __sub__(self, other):
        return self._binary(lib.sbi_tape_sub, self, other)

    def __rsub__(self, other):
        return self._binary(lib.sbi_tape_sub, other, self)

    def __mul__(self, other):
        return self._binary(lib.sbi_tape_mul, self, other)

    def __rmul__(self, other):
        return self._binary(lib.sbi_tape_mul, other, self)

    def __truediv__(self, other):
        return self._binary(lib.sbi_tape_div, self, other)

    def __rtruediv__(self, other):
        return self._binary(lib.sbi_tape_div, other, self)

    def __pow__(self, other):
        return self._binary(lib.sbi_tape_pow, self, other)

    def __neg__(self):
        return self._unary(lib.sbi_tape_neg)

    def square(self):
        return self._unary(lib.sbi_tape_square)

    def exp(self):
        return self._unary(lib.sbi_tape_exp)

    def expm1(self):
        return self._unary(lib.sbi_tape_expm1)

    def log(self):
        return self._unary(lib.sbi_tape_log)

    def log1p(self):
        return self._unary(lib.sbi_tape_log1p)

    def sqrt(self):
        return self._unary(lib.sbi_tape_sqrt)

    def tanh(self):
        return self._unary(lib.sbi_tape_tanh)

    def logistic(self):
        return self._unary(lib.sbi_tape_logistic)

    def softplus(self):
        return self._unary(lib.sbi_tape_softplus)

    def lgamma(self):
        return self._unary(lib.sbi_tape_lgamma)

    def digamma(self):
        return self._unary(lib.sbi_tape_digamma)

    def trigamma(self):
        return self._unary(lib.sbi_tape_trigamma)

    def sum(self, weights: Optional["Var"] = None) -> "Var":
        """The sum over events, weighted by a column if one is given."""
        if weights is None:
            return self._unary(lib.sbi_tape_sum)
        return Var(self.tape, lib.sbi_tape_weighted_sum(self.tape.pointer, weights.id, self.id))


def _guarded(failures: list[BaseException], call: Callable[[], None]) -> int:
    """Runs a callback: an exception must not pass through C, so it waits for the evaluator."""
    try:
        call()
    except BaseException as exception:  # noqa: B902
        failures.append(exception)
        return _api.ERR_CALLBACK
    return _api.OK


class Tape(Handle):
    """Arrays given to it are borrowed: it keeps a reference to each."""

    _destroy = "sbi_tape_destroy"

    def __init__(self, context: Optional[Context] = None):
        context = context or default()
        super().__init__(make(lib.sbi_tape_create, context.pointer), context)
        self._arrays: list[object] = []
        self._failures: list[BaseException] = []  # of callbacks, until an evaluator raises them

    def var(self, value) -> Var:
        return value if isinstance(value, Var) else self.constant(value)

    def param(self, name: str) -> Var:
        return Var(self, lib.sbi_tape_param(self.pointer, name.encode()))

    def constant(self, value: float) -> Var:
        return Var(self, lib.sbi_tape_constant(self.pointer, float(value)))

    def events(self, name: str, n: int) -> int:
        """A set of n events; columns and morphs are made over one."""
        events = lib.sbi_tape_events(self.pointer, name.encode(), n)
        if events < 0:
            check(lib.sbi_tape_status(self.pointer))
        return events

    def column(self, events: int, array: np.ndarray, name: str = "column") -> Var:
        array = np.asanyarray(array)
        self._arrays.append(array)
        v = view(array)
        return Var(self, lib.sbi_tape_column(self.pointer, events, ctypes.byref(v), name.encode()))

    def interp(self, alpha: Var, up: float, down: float, code: int = _api.INTERP_CODE4) -> Var:
        return Var(self, lib.sbi_tape_interp(self.pointer, alpha.id, up, down, code))

    def morph(self, events: int, alphas: Sequence[Var], up: Sequence[np.ndarray], down: Sequence[np.ndarray],
              code: int = _api.INTERP_CODE4, storage: int = _api.MORPH_RATIO) -> Var:
        n = len(alphas)
        if len(up) != n or len(down) != n:
            raise ValueError(f"{n} parameters, {len(up)} up and {len(down)} down columns")
        arrays = [np.asanyarray(a) for a in (*up, *down)]
        self._arrays.append(arrays)
        ids = (ctypes.c_int32 * n)(*(a.id for a in alphas))
        ups, downs = ((_api.Array * n)(*(view(a) for a in part)) for part in (arrays[:n], arrays[n:]))
        return Var(self, lib.sbi_tape_morph(self.pointer, events, ids, n, ups, downs, code, storage))

    def dot(self, scalars: Sequence[Var], columns: Sequence[Var]) -> Var:
        """The sum over k of scalars[k] times columns[k], event by event, as one wide operation."""
        n = len(scalars)
        if len(columns) != n:
            raise ValueError(f"{n} scalars, {len(columns)} columns")
        x, c = ((ctypes.c_int32 * n)(*(v.id for v in part)) for part in (scalars, columns))
        return Var(self, lib.sbi_tape_dot(self.pointer, x, c, n))

    def poisson(self, rate, n, normalised: bool = False) -> Var:
        """rate - n ln rate, with ln(n!) where normalised."""
        return Var(self, lib.sbi_tape_poisson(self.pointer, self.var(rate).id, self.var(n).id, int(normalised)))

    def gaussian(self, x, mean, sigma, normalised: bool = False) -> Var:
        """((x - mean) / sigma)^2 / 2."""
        nodes = (self.var(v).id for v in (x, mean, sigma))
        return Var(self, lib.sbi_tape_gaussian(self.pointer, *nodes, int(normalised)))

    def lognormal(self, x, median, kappa, normalised: bool = False) -> Var:
        """(ln(x / median) / ln kappa)^2 / 2."""
        nodes = (self.var(v).id for v in (x, median, kappa))
        return Var(self, lib.sbi_tape_lognormal(self.pointer, *nodes, int(normalised)))

    def apply(self, name: str, function: Callable, x: Sequence[Var]) -> Var:
        """A scalar function of scalars. function(x, order) returns f, or (f, gradient) where order is 1, or
        (f, gradient, hessian) where it is 2. An exception ends the evaluation and is raised from it."""

        failures = self._failures

        def evaluate(x, n, value, gradient, hessian, _):
            order = 2 if hessian else 1 if gradient else 0

            def call():
                out = function(np.ctypeslib.as_array(x, (n,)).copy(), order)
                value[0] = out[0] if order else out
                if order > 0:
                    np.ctypeslib.as_array(gradient, (n,))[:] = out[1]
                if order > 1:
                    np.ctypeslib.as_array(hessian, (n, n))[:] = out[2]

            return _guarded(failures, call)

        f = _api.TapeFunction()
        lib.sbi_tape_function_init(ctypes.byref(f))
        f.name, f.evaluate = name.encode(), _api.TapeFunctionFn(evaluate)
        self._arrays.append(f)
        ids = (ctypes.c_int32 * len(x))(*(v.id for v in x))
        return Var(self, lib.sbi_tape_apply(self.pointer, ctypes.byref(f), ids, len(x)))

    def map(self, name: str, function: Callable, x: Var) -> Var:
        """A function of one number, event by event. function(x, order) gets an array and returns f, (f, f') or (f, f', f'') for
        order 0, 1, 2. An exception ends the evaluation and is raised from it."""

        failures = self._failures

        def evaluate(x, n, *rest):
            rows = [row for row in rest[:3] if row]

            def call():
                out = function(np.ctypeslib.as_array(x, (n,)).copy(), len(rows) - 1)
                for row, values in zip(rows, (out,) if len(rows) == 1 else out):
                    np.ctypeslib.as_array(row, (n,))[:] = values

            return _guarded(failures, call)

        f = _api.TapeMapFunction()
        lib.sbi_tape_map_function_init(ctypes.byref(f))
        f.name, f.evaluate = name.encode(), _api.TapeMapFn(evaluate)
        self._arrays.append(f)
        return Var(self, lib.sbi_tape_map(self.pointer, ctypes.byref(f), x.id))

    def seal(self, output: Var, precision: str = "double", device: Optional[str] = None, device_memory: int = 0) -> "Evaluator":
        """Seals the tape for a scalar and returns what evaluates it, in "double" or "mixed" precision, on the processor or a
        device ("cuda", "cuda:1") that keeps columns in at most device_memory bytes (0: what is free)."""
        check(lib.sbi_tape_seal(self.pointer, output.id))
        return Evaluator(self, precision, device, device_memory)

    @property
    def parameters(self) -> list[str]:
        n = lib.sbi_tape_n_params(self.pointer)
        return [lib.sbi_tape_param_name(self.pointer, i).decode() for i in range(n)]

    def __str__(self) -> str:
        return self._text(lib.sbi_tape_print)

    def graph(self) -> str:
        """The tape in the language of Graphviz."""
        return self._text(lib.sbi_tape_print_graph)

    def _text(self, function) -> str:
        out = ctypes.c_void_p()
        check(function(self.pointer, ctypes.byref(out)))
        try:
            return ctypes.string_at(out).decode()
        finally:
            lib.sbi_tape_print_free(self.pointer, out)


_PRECISIONS = {"double": _api.PRECISION_DOUBLE, "mixed": _api.PRECISION_MIXED}


class Evaluator(Handle):
    """A workspace of a tape or a model: value, gradient, Hessian-vector products, Hessian. One thread at a time."""

    _functions = ("sbi_tape_eval", "sbi_tape_hvp", "sbi_tape_hessian", "sbi_tape_hessian_rows")
    _create = "sbi_tape_work_create_with"
    _destroy = "sbi_tape_work_destroy"

    def __init__(self, owner: Handle, precision: str = "double", device: Optional[str] = None, device_memory: int = 0):
        if precision not in _PRECISIONS:
            raise ValueError(f"precision is {precision!r}, must be 'double' or 'mixed'")
        options = _api.TapeWorkOptions()
        lib.sbi_tape_work_options_init(ctypes.byref(options))
        options.precision = _PRECISIONS[precision]
        options.device = device.encode() if device else None
        options.device_memory = device_memory
        super().__init__(make(getattr(lib, self._create), owner.pointer, ctypes.byref(options)), owner)
        self._eval, self._hvp, self._hessian, self._rows = (getattr(lib, name) for name in self._functions)
        self.n = len(owner.parameters)
        self._failures = getattr(owner, "_failures", [])

    def _check(self, status: int) -> None:
        if status == _api.ERR_CALLBACK and self._failures:
            failure = self._failures[0]
            self._failures.clear()
            raise failure
        check(status)

    def value(self, theta) -> float:
        theta = doubles(theta, (self.n,))
        out = ctypes.c_double()
        self._check(self._eval(self.pointer, pointer(theta), ctypes.byref(out), None))
        return out.value

    __call__ = value

    def value_and_gradient(self, theta) -> tuple[float, np.ndarray]:
        theta = doubles(theta, (self.n,))
        out, gradient = ctypes.c_double(), np.empty(self.n)
        self._check(self._eval(self.pointer, pointer(theta), ctypes.byref(out), pointer(gradient)))
        return out.value, gradient

    def gradient(self, theta) -> np.ndarray:
        return self.value_and_gradient(theta)[1]

    def hvp(self, theta, vectors) -> np.ndarray:
        """H V for one vector [P] or several [m, P]."""
        theta = doubles(theta, (self.n,))
        v = doubles(vectors)
        rows = v.reshape(-1, self.n)
        out = np.empty_like(rows)
        self._check(self._hvp(self.pointer, pointer(theta), pointer(rows), len(rows), pointer(out)))
        return out.reshape(v.shape)

    def hessian(self, theta) -> np.ndarray:
        theta = doubles(theta, (self.n,))
        out = np.empty((self.n, self.n))
        self._check(self._hessian(self.pointer, pointer(theta), None, None, pointer(out)))
        return out

    def hessian_rows(self, theta, first: int, count: int) -> np.ndarray:
        theta = doubles(theta, (self.n,))
        out = np.empty((count, self.n))
        self._check(self._rows(self.pointer, pointer(theta), first, count, pointer(out)))
        return out
