# SPDX-License-Identifier: Apache-2.0
"""Partial results of a tape's evaluation over some of its events and rows, as bytes: see docs/sharding.md."""

from __future__ import annotations

import ctypes
from typing import NamedTuple, Optional, Sequence, Union

import numpy as np

from . import _api
from ._api import lib
from .arrays import doubles, pointer
from .context import Context, default
from .errors import check
from .model import Model
from .tape import Evaluator, Tape

_WANTS = {"value": _api.SHARD_VALUE, "gradient": _api.SHARD_GRADIENT, "hessian": _api.SHARD_HESSIAN}


class Pass(NamedTuple):
    """A pass over an event set; one of stage s needs the totals of those of stages below."""

    events: str
    n_events: int
    stage: int


def _take(context: Context, call) -> bytes:
    """Copies what call(bytes, size) returns, and frees it."""
    out, size = ctypes.c_void_p(), ctypes.c_size_t()
    check(call(ctypes.byref(out), ctypes.byref(size)))
    try:
        return ctypes.string_at(out, size.value)
    finally:
        lib.sbi_shard_free(context.pointer, out)


def merge_shards(parts: Sequence[bytes], context: Optional[Context] = None) -> bytes:
    """Merges shards of one evaluation, in any order: the same set gives the same bytes."""
    context = context or default()
    n = len(parts)
    pointers = (ctypes.c_void_p * n)(*(ctypes.cast(ctypes.c_char_p(p), ctypes.c_void_p) for p in parts))
    sizes = (ctypes.c_size_t * n)(*map(len, parts))
    return _take(context, lambda out, size: lib.sbi_shard_merge(context.pointer, pointers, sizes, n, out, size))


class _ModelTape:
    """The tape of a model, which is kept alive with it."""

    def __init__(self, model: Model):
        self.model, self.pointer, self.parameters = model, ctypes.c_void_p(lib.sbi_model_tape(model.pointer)), model.parameters
        self._kept = model._kept


class Sharder(Evaluator):
    """Computes shards of a sealed tape or model and finishes merged ones; also an evaluator. One thread at a time."""

    def __init__(self, owner: Union[Tape, Model], precision: str = "double"):
        tape = _ModelTape(owner) if isinstance(owner, Model) else owner
        super().__init__(tape, precision)
        self._context = tape._kept[0]
        self.passes = []
        for i in range(lib.sbi_tape_n_passes(tape.pointer)):
            info = _api.TapePassInfo(struct_size=ctypes.sizeof(_api.TapePassInfo))
            check(lib.sbi_tape_pass_get(tape.pointer, i, ctypes.byref(info)))
            self.passes.append(Pass(info.events.decode(), info.n_events, info.stage))

    def shard(self, theta, want: str = "gradient", number: int = 0, events: tuple[int, int] = (0, -1), rows: tuple[int, int] = (0, -1),
              earlier: Optional[bytes] = None) -> bytes:
        """One shard of pass `number`: `events` and `rows` are (first, how many), -1 for all that follow. want: "value", "gradient" or
        "hessian". earlier: merged shards of all passes of earlier stages."""
        theta = doubles(theta, (self.n,))
        request = _api.ShardRequest()
        lib.sbi_shard_request_init(ctypes.byref(request))
        request.want, request.pass_index = _WANTS[want], number
        request.first_event, request.n_events = events
        request.first_row, request.n_rows = rows
        before = None if earlier is None else ctypes.cast(ctypes.c_char_p(earlier), ctypes.c_void_p)
        return _take(self._context, lambda out, size: self._compute(theta, request, before, len(earlier or b""), out, size))

    def _compute(self, theta, request, before, before_size, out, size) -> int:
        status = lib.sbi_shard_compute(self.pointer, pointer(theta), ctypes.byref(request), before, before_size, out, size)
        self._check(status)
        return status

    def finish(self, theta, shards: Optional[bytes], want: str = "gradient", rows: Optional[tuple[int, int]] = None):
        """(value, gradient, Hessian rows) of a complete set; those that are not wanted are None. rows: (first, how many), or all."""
        theta = doubles(theta, (self.n,))
        level = _WANTS[want]
        first, count = rows if rows is not None else (0, self.n)
        value = ctypes.c_double()
        gradient = np.empty(self.n) if level > _api.SHARD_VALUE else None
        out = np.empty((count, self.n)) if level == _api.SHARD_HESSIAN else None
        data = None if shards is None else ctypes.cast(ctypes.c_char_p(shards), ctypes.c_void_p)
        self._check(lib.sbi_shard_finish(self.pointer, pointer(theta), data, len(shards or b""), ctypes.byref(value),
                                         None if gradient is None else pointer(gradient), first, count,
                                         None if out is None else pointer(out)))
        return value.value, gradient, out
