# SPDX-License-Identifier: Apache-2.0
"""Statistical models from workspaces or call by call."""

from __future__ import annotations

import ctypes
import json
import os
from dataclasses import dataclass
from typing import Optional

import numpy as np

from . import _api
from ._api import lib
from .arrays import doubles, pointer, view
from .context import Context, Handle, default, make, text
from .errors import check
from .tape import Evaluator


@dataclass
class Parameter:
    """A model's parameter. constraint: CONSTRAINT_GAUSSIAN or CONSTRAINT_NONE."""

    name: str
    start: float = 0.0
    lower: float = -5.0
    upper: float = 5.0
    constraint: int = _api.CONSTRAINT_GAUSSIAN
    auxiliary: float = 0.0
    sigma: float = 1.0
    fixed: bool = False


class ModelEvaluator(Evaluator):
    _functions = ("sbi_model_nll", "sbi_model_hvp", "sbi_model_hessian", "sbi_model_hessian_rows")
    _create = "sbi_model_work_create_with"
    _destroy = "sbi_model_work_destroy"


_PACK_TYPES = {"f16": _api.F16, "f32": _api.F32, "f64": _api.F64}
_PACK_STORAGE = {None: _api.PACK_STORAGE_DEFAULT, "ratio": _api.MORPH_RATIO, "log": _api.MORPH_LOG}


def pack_workspace(path, packed_path, dtype: str = "f16", storage: Optional[str] = None,
                   context: Optional[Context] = None) -> None:
    """Writes a workspace anew with the event variations of each channel in one file, which streams fast from a disk.

    dtype: "f16", "f32" or "f64". storage: "log", "ratio", or None for logarithms as f16 and otherwise what the columns are.
    Nothing that exists is replaced. See docs/workspace.md."""
    if dtype not in _PACK_TYPES or storage not in _PACK_STORAGE:
        raise ValueError(f"dtype {dtype!r} or storage {storage!r} is unknown")
    context = context or default()
    options = _api.PackOptions()
    lib.sbi_pack_options_init(ctypes.byref(options))
    options.dtype = _PACK_TYPES[dtype]
    options.storage = _PACK_STORAGE[storage]
    check(lib.sbi_workspace_pack(context.pointer, text(path), text(packed_path), ctypes.byref(options)))


def _options(measurement, poi, column_memory):
    options = _api.WorkspaceOptions()
    lib.sbi_workspace_options_init(ctypes.byref(options))
    options.measurement = None if measurement is None else measurement.encode()
    options.poi = None if poi is None else poi.encode()
    if column_memory is not None:
        options.column_memory = column_memory
    return ctypes.byref(options)


class Model(Handle):
    """Model(path) loads a workspace; Model.from_spec(dict, folder) reads one in memory; Model.build() starts an empty one."""

    _destroy = "sbi_model_destroy"

    def __init__(self, path, context: Optional[Context] = None, *, measurement: Optional[str] = None,
                 poi: Optional[str] = None, column_memory: Optional[int] = None):
        """measurement: its name, None for the first. poi: instead of the measurement's; "" for none. column_memory: bytes of column
        files to hold in memory, the others are streamed; None for a quarter of what the process may use, at most half of what is free."""
        context = context or default()
        options = _options(measurement, poi, column_memory)
        super().__init__(make(lib.sbi_model_load_with, context.pointer, text(path), options), context)
        self._arrays: list[object] = []

    @classmethod
    def _wrap(cls, handle, context) -> "Model":
        self = cls.__new__(cls)
        Handle.__init__(self, handle, context)
        self._arrays = []
        return self

    @classmethod
    def from_spec(cls, spec: dict, folder=".", context: Optional[Context] = None, *, measurement: Optional[str] = None,
                  poi: Optional[str] = None, column_memory: Optional[int] = None) -> "Model":
        context = context or default()
        data = json.dumps(spec).encode()
        return cls._wrap(make(lib.sbi_model_load_text_with, context.pointer, data, len(data), os.fsencode(folder),
                              _options(measurement, poi, column_memory)), context)

    @classmethod
    def build(cls, context: Optional[Context] = None) -> "Model":
        context = context or default()
        return cls._wrap(make(lib.sbi_model_create, context.pointer), context)

    def _view(self, array):
        if array is None:
            return None
        array = np.asanyarray(array)
        self._arrays.append(array)
        return ctypes.byref(view(array))

    def add_parameter(self, p: Parameter) -> None:
        c = _api.Parameter()
        lib.sbi_parameter_init(ctypes.byref(c))
        for member in ("start", "lower", "upper", "constraint", "auxiliary", "sigma"):
            setattr(c, member, getattr(p, member))
        c.fixed = int(p.fixed)
        check(lib.sbi_model_add_parameter(self.pointer, p.name.encode(), ctypes.byref(c)))

    def set_poi(self, name: str) -> None:
        check(lib.sbi_model_set_poi(self.pointer, name.encode()))

    def add_channel(self, name: str, n_events: int, weights=None, integration_weights=None,
                    allow_negative_weights: bool = False, allow_negative_integration_weights: bool = False,
                    reference: bool = False) -> int:
        """reference: the events are a sample of p_ref, not data, and may become Asimov data."""
        index = ctypes.c_size_t()
        flags = _api.CHANNEL_ALLOW_NEGATIVE_WEIGHTS if allow_negative_weights else 0
        flags |= _api.CHANNEL_ALLOW_NEGATIVE_INTEGRATION_WEIGHTS if allow_negative_integration_weights else 0
        flags |= _api.CHANNEL_REFERENCE if reference else 0
        check(lib.sbi_model_add_channel(self.pointer, name.encode(), n_events, self._view(weights),
                                        self._view(integration_weights), flags, ctypes.byref(index)))
        return index.value

    def add_sample(self, channel: int, name: str, expected: float, ratio, factor: Optional[str] = None,
                   integration_ratio=None) -> int:
        index = ctypes.c_size_t()
        check(lib.sbi_model_add_sample(self.pointer, channel, name.encode(), expected,
                                       factor.encode() if factor else None, self._view(ratio),
                                       self._view(integration_ratio), ctypes.byref(index)))
        return index.value

    def add_normsys(self, channel: int, sample: int, parameter: str, high: float, low: float) -> None:
        check(lib.sbi_model_add_normsys(self.pointer, channel, sample, parameter.encode(), high, low))

    def add_normfactor(self, channel: int, sample: int, parameter: str) -> None:
        check(lib.sbi_model_add_normfactor(self.pointer, channel, sample, parameter.encode()))

    def add_eventsys(self, channel: int, sample: int, parameter: str, high, low, integration_high=None,
                     integration_low=None, storage: int = _api.MORPH_RATIO) -> None:
        check(lib.sbi_model_add_eventsys(self.pointer, channel, sample, parameter.encode(), self._view(high),
                                         self._view(low), self._view(integration_high), self._view(integration_low),
                                         storage))

    def seal(self) -> "Model":
        check(lib.sbi_model_seal(self.pointer))
        return self

    @property
    def parameters(self) -> list[str]:
        n = lib.sbi_model_n_parameters(self.pointer)
        return [lib.sbi_model_parameter_name(self.pointer, i).decode() for i in range(n)]

    def parameter(self, name: str) -> Parameter:
        index = ctypes.c_size_t()
        check(lib.sbi_model_parameter_index(self.pointer, name.encode(), ctypes.byref(index)))
        c = _api.Parameter()
        lib.sbi_parameter_init(ctypes.byref(c))
        check(lib.sbi_model_parameter(self.pointer, index.value, ctypes.byref(c)))
        return Parameter(name, c.start, c.lower, c.upper, c.constraint, c.auxiliary, c.sigma, bool(c.fixed))

    @property
    def start(self) -> np.ndarray:
        return np.array([self.parameter(name).start for name in self.parameters])

    @property
    def poi(self) -> Optional[str]:
        name = lib.sbi_model_poi(self.pointer)
        return name.decode() if name else None

    def yields(self, theta, channel: int = 0) -> dict[str, float]:
        """Expected yields of the samples of a channel."""
        n = lib.sbi_model_n_samples(self.pointer, channel)
        out = np.empty(n)
        check(lib.sbi_model_yields(self.pointer, channel, pointer(doubles(theta)), pointer(out)))
        return {lib.sbi_model_sample_name(self.pointer, channel, i).decode(): out[i] for i in range(n)}

    @property
    def channels(self) -> list[str]:
        return [lib.sbi_model_channel_name(self.pointer, c).decode() for c in range(lib.sbi_model_n_channels(self.pointer))]

    def _theta(self, theta) -> np.ndarray:
        return doubles(theta, (lib.sbi_model_n_parameters(self.pointer),))

    def observed(self, channel: int = 0) -> np.ndarray:
        """Counts of a binned channel."""
        out = np.empty(lib.sbi_model_n_bins(self.pointer, channel))
        check(lib.sbi_model_observed(self.pointer, channel, pointer(out)))
        return out

    def expected(self, theta, channel: int = 0) -> dict[str, np.ndarray]:
        """Expected counts of the samples of a binned channel, [n_bins] each; their sum is what the channel expects."""
        n = lib.sbi_model_n_samples(self.pointer, channel)
        out = np.empty((n, lib.sbi_model_n_bins(self.pointer, channel)))
        check(lib.sbi_model_expected(self.pointer, channel, pointer(self._theta(theta)), None, pointer(out)))
        return {lib.sbi_model_sample_name(self.pointer, channel, i).decode(): out[i] for i in range(n)}

    def prefit(self) -> tuple[np.ndarray, np.ndarray]:
        """(theta, covariance) without the data: auxiliary observations, and the squared widths of the constraints on the diagonal."""
        n = lib.sbi_model_n_parameters(self.pointer)
        theta, covariance = np.empty(n), np.empty((n, n))
        check(lib.sbi_model_prefit(self.pointer, pointer(theta), pointer(covariance)))
        return theta, covariance

    def expected_errors(self, theta, covariance, channel: int = 0) -> tuple[np.ndarray, np.ndarray, float]:
        """(errors [n_bins], their covariance [n_bins, n_bins], error of the sum) of a binned channel's expected counts, J V J^T."""
        theta = self._theta(theta)
        covariance = doubles(covariance, (theta.size, theta.size))
        n = lib.sbi_model_n_bins(self.pointer, channel)
        errors, counts, total = np.empty(n), np.empty((n, n)), ctypes.c_double()
        check(lib.sbi_model_expected_errors(self.pointer, channel, pointer(theta), pointer(covariance), pointer(errors),
                                            pointer(counts), ctypes.byref(total)))
        return errors, counts, total.value

    def asimov_weights(self, theta, channel: int = 0) -> np.ndarray:
        """Weights of an unbinned channel's integration sample (or reference events) at theta, whose sums are expectations."""
        out = np.empty(max(lib.sbi_model_n_asimov_events(self.pointer, channel), 0))
        check(lib.sbi_model_asimov_weights(self.pointer, channel, pointer(self._theta(theta)), pointer(out)))
        return out

    def effective_events(self, channel: int = 0) -> tuple[float, float]:
        """(sum w, (sum w)^2 / sum w^2) of a channel's event weights."""
        total, effective = ctypes.c_double(), ctypes.c_double()
        check(lib.sbi_model_effective_events(self.pointer, channel, ctypes.byref(total), ctypes.byref(effective)))
        return total.value, effective.value

    def asimov(self, theta) -> "Model":
        """The Asimov data set at theta, as a model with auxiliary observations set to theta."""
        theta = doubles(theta)
        if theta.size != lib.sbi_model_n_parameters(self.pointer):
            raise ValueError(f"theta has {theta.size} values for {lib.sbi_model_n_parameters(self.pointer)} parameters")
        out = Model._wrap(make(lib.sbi_model_asimov, self.pointer, pointer(theta)), *self._kept)
        out._arrays = self._arrays
        return out

    def replace_ratios(self, ratios: dict) -> "Model":
        """The same model with other ratios: {(channel, sample): ratio} or {(channel, sample): (ratio, integration_ratio)}."""
        out = Model.__new__(Model)
        out._arrays = list(self._arrays)
        c, kept = (_api.RatioReplacement * max(len(ratios), 1))(), []
        for one, ((channel, sample), given) in zip(c, ratios.items()):
            one.struct_size, one.channel, one.sample = ctypes.sizeof(_api.RatioReplacement), channel, sample
            arrays = [np.asanyarray(a) for a in (given if isinstance(given, tuple) else (given,))]
            out._arrays += arrays
            kept += [view(a) for a in arrays]
            one.ratio = ctypes.pointer(kept[-len(arrays)])
            if len(arrays) > 1:
                one.integration_ratio = ctypes.pointer(kept[-1])
        Handle.__init__(out, make(lib.sbi_model_replace_ratios, self.pointer, c, len(ratios)), *self._kept)
        return out

    def evaluator(self, precision: str = "double", device: Optional[str] = None, device_memory: int = 0) -> ModelEvaluator:
        """A workspace: nll = model.evaluator(); nll(theta), nll.gradient(theta), nll.hessian(theta).

        precision: "double", or "mixed" for single precision within an event; see docs/precision.md.
        device: "cuda" or "cuda:1" for a GPU, which keeps columns in at most device_memory bytes (0: what is free); docs/devices.md."""
        return ModelEvaluator(self, precision, device, device_memory)
