# SPDX-License-Identifier: Apache-2.0
"""What ratios are worth, and ratios for many events: calibration, verdicts, columns as tasks, systematic variations."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from typing import Optional, Sequence

import numpy as np

from . import _api
from ._api import lib
from .arrays import as_numpy, doubles, pointer, view
from .campaign import Executor
from .context import Context, Handle, default, make, text
from .errors import check
from .train import Dataset, Ensemble, _train_options

_DTYPES = {"f16": _api.F16, "f32": _api.F32, "f64": _api.F64}
RESULTS = {_api.VERDICT_UNKNOWN: "unknown", _api.VERDICT_PASS: "pass", _api.VERDICT_WARN: "warn", _api.VERDICT_FAIL: "fail"}


def _options(struct, init, options: dict, strings=()):
    o = struct()
    init(ctypes.byref(o))
    known = {name for name, *_ in o._fields_}
    for name, value in options.items():
        if name not in known or name in ("struct_size", "reserved_", "reserved2_"):
            raise TypeError(f"unknown option {name}")
        if isinstance(value, Handle):
            value = value.pointer
        setattr(o, name, text(value) if name in strings else value)
    return o


class Calibration(Handle):
    """A calibration of an ensemble's ratios on held-out events; Calibration(path) loads one."""

    _destroy = "sbi_calibration_destroy"

    def __init__(self, path, context: Optional[Context] = None):
        context = context or default()
        super().__init__(make(lib.sbi_calibration_load, context.pointer, text(path)), context)

    @classmethod
    def fit(cls, ensemble: Ensemble, data: Dataset, **options) -> "Calibration":
        """Options: method (CALIBRATION_ISOTONIC, CALIBRATION_HISTOGRAM), bins, held_out, seed, validation_fraction, allow_training, normalise, device."""
        o = _options(_api.CalibrationOptions, lib.sbi_calibration_options_init, options, ("device",))
        self = cls.__new__(cls)
        Handle.__init__(self, make(lib.sbi_calibration_fit, ensemble.pointer, data.pointer, ctypes.byref(o)), *data._kept)
        return self

    @classmethod
    def fit_ratios(cls, data: Dataset, log_numerator, log_denominator, **options) -> "Calibration":
        """The same from ln r of every event of each side."""
        o = _options(_api.CalibrationOptions, lib.sbi_calibration_options_init, options, ("device",))
        arrays = [np.asanyarray(log_numerator), np.asanyarray(log_denominator)]
        self = cls.__new__(cls)
        Handle.__init__(self, make(lib.sbi_calibration_fit_ratios, data.pointer, ctypes.byref(view(arrays[0])), ctypes.byref(view(arrays[1])),
                                   ctypes.byref(o)), *data._kept)
        return self

    def save(self, path) -> None:
        check(lib.sbi_calibration_save(self.pointer, text(path)))

    def __call__(self, log_ratio) -> np.ndarray:
        """Calibrated ln r."""
        given = doubles(log_ratio)
        out = np.empty_like(given)
        check(lib.sbi_calibration_apply(self.pointer, pointer(given), given.size, pointer(out)))
        return out

    @property
    def info(self) -> _api.CalibrationInfo:
        out = _api.CalibrationInfo(struct_size=ctypes.sizeof(_api.CalibrationInfo))
        check(lib.sbi_calibration_info_get(self.pointer, ctypes.byref(out)))
        return out

    @property
    def knots(self) -> np.ndarray:
        """[k, 3]: ln r before, p or ln(N / D), ln r after."""
        out = _api.Array()
        check(lib.sbi_calibration_knots(self.pointer, ctypes.byref(out)))
        return as_numpy(out, self)


@dataclass
class Check:
    """One check of a verdict. subject: -1 the ensemble, otherwise a member; result: "pass", "warn", "fail" or "unknown"."""

    subject: int
    name: str
    result: str
    value: float
    warn: float
    fail: float
    line: str


class Verdict(Handle):
    """Diagnostics against thresholds: Verdict(diagnostics, closure_warn=0.05, ...), or Verdict.ensemble(...) for every member too."""

    _destroy = "sbi_verdict_destroy"

    def __init__(self, diagnostics, **thresholds):
        o = _options(_api.VerdictOptions, lib.sbi_verdict_options_init, thresholds)
        super().__init__(make(lib.sbi_verdict_make, diagnostics.pointer, ctypes.byref(o)), *diagnostics._kept)

    @classmethod
    def ensemble(cls, ensemble: Ensemble, data: Dataset, diagnostics: Optional[dict] = None, **thresholds) -> "Verdict":
        d = _options(_api.DiagnosticsOptions, lib.sbi_diagnostics_options_init, diagnostics or {})
        o = _options(_api.VerdictOptions, lib.sbi_verdict_options_init, thresholds)
        self = cls.__new__(cls)
        Handle.__init__(self, make(lib.sbi_verdict_ensemble, ensemble.pointer, data.pointer, ctypes.byref(d), ctypes.byref(o)), ensemble, data)
        return self

    def result(self, subject: int = -1) -> str:
        return RESULTS[lib.sbi_verdict_result(self.pointer, subject)]

    @property
    def checks(self) -> list[Check]:
        out = []
        for i in range(lib.sbi_verdict_count(self.pointer)):
            c = _api.VerdictCheck(struct_size=ctypes.sizeof(_api.VerdictCheck))
            check(lib.sbi_verdict_check_get(self.pointer, i, ctypes.byref(c)))
            out.append(Check(c.subject, c.name.decode(), RESULTS[c.result], c.value, c.warn, c.fail, c.line.decode()))
        return out

    def write(self, path) -> None:
        check(lib.sbi_verdict_write(self.pointer, text(path)))


@dataclass
class Column:
    """A column to evaluate; theta: of a parameterised ensemble. Without an ensemble (in a packed store): no variation."""

    ensemble: Optional[Ensemble] = None
    path: Optional[os.PathLike] = None
    spread: Optional[os.PathLike] = None
    calibration: Optional[Calibration] = None
    correction: float = 1.0
    theta: Sequence[float] = ()
    numerator: int = _api.NUMERATOR
    denominator: int = _api.DENOMINATOR


def _columns(columns: Sequence[Column]):
    """The C structs, and what must stay alive while they are used."""
    out, kept = (_api.Column * len(columns))(), []
    for c, column in zip(out, columns):
        lib.sbi_column_init(ctypes.byref(c))
        theta = doubles(list(column.theta))
        kept.append(theta)
        c.ensemble = column.ensemble.pointer if column.ensemble else None
        c.calibration = column.calibration.pointer if column.calibration else None
        c.correction = column.correction
        c.theta = pointer(theta) if theta.size else None
        c.n_theta = theta.size
        c.numerator, c.denominator = column.numerator, column.denominator
        c.path = text(column.path)
        c.spread = text(column.spread)
    return out, kept


def _columns_options(log: bool, dtype: str, events_a_task: int, campaign, device):
    if dtype not in _DTYPES:
        raise ValueError(f"dtype {dtype!r} is unknown")
    return _options(_api.ColumnsOptions, lib.sbi_columns_options_init,
                    {"output": _api.RATIO_LOG if log else _api.RATIO_VALUE, "dtype": _DTYPES[dtype], "events_a_task": events_a_task,
                     "campaign": campaign, "device": device}, ("campaign", "device"))


def evaluate_columns(features, columns: Sequence[Column], log: bool = False, dtype: str = "f64", events_a_task: int = 131072, campaign=None,
                     executor: Optional[Executor] = None, device: Optional[str] = None, context: Optional[Context] = None) -> None:
    """Writes columns for the events of a .npy file, as tasks over ranges of events where a campaign folder is given."""
    context = context or default()
    c, kept = _columns(columns)
    o = _columns_options(log, dtype, events_a_task, campaign, device)
    check(lib.sbi_columns_evaluate(context.pointer, text(features), c, len(columns), ctypes.byref(o), executor.pointer if executor else None))
    del kept


def pack_columns(features, path, columns, dtype: str = "f16", events_a_task: int = 131072, campaign=None, executor: Optional[Executor] = None,
                 device: Optional[str] = None, context: Optional[Context] = None) -> None:
    """Writes a packed store of ln r: columns[sample][parameter] = (hi, lo), each a Column, or None for no variation."""
    context = context or default()
    flat = [side for sample in columns for pair in sample for side in (pair or (Column(), Column()))]
    c, kept = _columns(flat)
    o = _columns_options(True, dtype, events_a_task, campaign, device)
    check(lib.sbi_columns_pack(context.pointer, text(features), text(path), len(columns), len(columns[0]), c, ctypes.byref(o),
                               executor.pointer if executor else None))
    del kept


@dataclass
class Variation:
    """Samples of a process at alpha = +1 and -1 (numerators) against nominal ones (denominators). hi, lo: factors of the yield; 0: from the weights."""

    process: str
    nuisance: str
    up: Dataset
    down: Dataset
    hi: float = 0.0
    lo: float = 0.0


class Variations(Handle):
    """Ensembles of systematic variations, by process and nuisance parameter."""

    _destroy = "sbi_variations_destroy"

    def __init__(self, context: Optional[Context] = None):
        context = context or default()
        super().__init__(make(lib.sbi_variations_create, context.pointer), context)
        self._context = context

    @classmethod
    def train(cls, variations: Sequence[Variation], executor: Optional[Executor] = None, context: Optional[Context] = None,
              **options) -> "Variations":
        """Two ensembles for each variation, as one campaign. Options: those of Ensemble.train()."""
        context = context or default()
        c = (_api.Variation * len(variations))()
        for s, v in zip(c, variations):
            lib.sbi_variation_init(ctypes.byref(s))
            s.process, s.nuisance = v.process.encode(), v.nuisance.encode()
            s.up, s.down, s.hi, s.lo = v.up.pointer, v.down.pointer, v.hi, v.lo
        o = _train_options(options)
        self = cls.__new__(cls)
        Handle.__init__(self, make(lib.sbi_variations_train, context.pointer, c, len(variations), ctypes.byref(o),
                                   executor.pointer if executor else None), context)
        self._context = context
        return self

    def add(self, process: str, nuisance: str, up: Ensemble, down: Ensemble, hi: float = 1.0, lo: float = 1.0) -> "Variations":
        check(lib.sbi_variations_add(self.pointer, process.encode(), nuisance.encode(), up.pointer, down.pointer, hi, lo))
        return self

    def add_parameterised(self, process: str, nuisances: Sequence[str], ensemble: Ensemble, hi=None, lo=None) -> "Variations":
        """One ensemble whose theta is the nuisance parameters."""
        n = len(nuisances)
        c = (ctypes.c_char_p * n)(*(name.encode() for name in nuisances))
        hi, lo = doubles(np.ones(n) if hi is None else hi, (n,)), doubles(np.ones(n) if lo is None else lo, (n,))
        check(lib.sbi_variations_add_parameterised(self.pointer, process.encode(), c, n, ensemble.pointer, pointer(hi), pointer(lo)))
        return self

    def __len__(self) -> int:
        return lib.sbi_variations_count(self.pointer)

    def write(self, workspace, channel: str, features, output, integration=None, normsys: bool = True, dtype: str = "f32",
              events_a_task: int = 131072, campaign=None, executor: Optional[Executor] = None, device: Optional[str] = None) -> None:
        """Evaluates all pairs on the channel's events, and writes the workspace with eventsys and normsys modifiers as `output`."""
        columns = _columns_options(True, dtype, events_a_task, campaign, device)
        o = _api.VariationsOutput()
        lib.sbi_variations_output_init(ctypes.byref(o))
        o.normsys = int(normsys)
        o.workspace, o.channel, o.features, o.output = text(workspace), channel.encode(), text(features), text(output)
        o.integration = text(integration)
        o.columns = ctypes.pointer(columns)
        check(lib.sbi_variations_write(self.pointer, ctypes.byref(o), executor.pointer if executor else None))
