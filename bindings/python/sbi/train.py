# SPDX-License-Identifier: Apache-2.0
"""Datasets, networks, ensembles and training."""

from __future__ import annotations

import ctypes
from typing import Optional, Sequence

import numpy as np

from . import _api
from ._api import lib
from .arrays import as_numpy, pointer, view
from .campaign import Executor
from .context import Context, Handle, default, make, text
from .errors import check


class Dataset(Handle):
    """Weighted events of a numerator and a denominator; arrays are borrowed and kept alive, files are mapped."""

    _destroy = "sbi_dataset_destroy"

    def __init__(self, context: Optional[Context] = None, allow_negative_weights: bool = False):
        context = context or default()
        super().__init__(make(lib.sbi_dataset_create, context.pointer), context)
        self._arrays: list[object] = []
        if allow_negative_weights:
            check(lib.sbi_dataset_set_weight_policy(self.pointer, _api.WEIGHTS_ALLOW_NEGATIVE))

    def add(self, side: int, features, weights=None) -> "Dataset":
        """side: NUMERATOR or DENOMINATOR. features and weights: arrays, or paths of .npy files."""
        if isinstance(features, np.ndarray):
            kept = [features] + ([] if weights is None else [np.asanyarray(weights)])
            views = [view(a) for a in kept]
            check(lib.sbi_dataset_add_array(self.pointer, side, ctypes.byref(views[0]),
                                            ctypes.byref(views[1]) if len(views) == 2 else None))
            self._arrays.extend(kept)
        else:
            check(lib.sbi_dataset_add_npy(self.pointer, side, text(features), text(weights)))
        return self

    def names(self, names: Sequence[str]) -> "Dataset":
        c = (ctypes.c_char_p * len(names))(*(n.encode() for n in names))
        check(lib.sbi_dataset_set_feature_names(self.pointer, c, len(names)))
        return self

    def events(self, side: int) -> int:
        return lib.sbi_dataset_events(self.pointer, side)

    @property
    def checksum(self) -> str:
        out = ctypes.create_string_buffer(65)
        check(lib.sbi_dataset_checksum(self.pointer, out))
        return out.value.decode()


class Network(Handle):
    """A trained network: Network(path) loads one."""

    _destroy = "sbi_network_destroy"

    def __init__(self, path, context: Optional[Context] = None):
        context = context or default()
        super().__init__(make(lib.sbi_network_load, context.pointer, text(path)), context)

    @classmethod
    def _borrow(cls, address, owner) -> "Network":
        """One that belongs to an ensemble."""
        self = cls.__new__(cls)
        Handle.__init__(self, address, owner)
        self.close = lambda: None
        return self

    @classmethod
    def read_onnx(cls, path, context: Optional[Context] = None) -> "Network":
        """A multilayer perceptron from an ONNX file; a Sigmoid or Exp at its end is left out (docs/onnx.md)."""
        context = context or default()
        self = cls.__new__(cls)
        Handle.__init__(self, make(lib.sbi_network_read_onnx, context.pointer, text(path)), context)
        return self

    def write_onnx(self, path, ratio: bool = False, dtype="f4", correction: float = 1.0, input_name: Optional[str] = None,
                   output_name: Optional[str] = None) -> None:
        """An ONNX file with the standardisation inside, whose output is ln r, or r. dtype: of input and output, "f4" or "f8"."""
        o = _onnx_options(ratio, dtype, correction, input_name, output_name)
        check(lib.sbi_network_write_onnx(self.pointer, text(path), ctypes.byref(o)))

    def save(self, path) -> None:
        check(lib.sbi_network_save(self.pointer, text(path)))

    @property
    def info(self) -> _api.NetworkInfo:
        out = _api.NetworkInfo(struct_size=ctypes.sizeof(_api.NetworkInfo))
        check(lib.sbi_network_info_get(self.pointer, ctypes.byref(out)))
        return out

    @property
    def history(self) -> np.ndarray:
        """[epochs, 5]: epoch, training loss, validation loss, learning rate, gradient norm."""
        out = _api.Array()
        check(lib.sbi_network_history(self.pointer, ctypes.byref(out)))
        return as_numpy(out, self)

    def layer(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        weight, bias = _api.Array(), _api.Array()
        check(lib.sbi_network_layer(self.pointer, index, ctypes.byref(weight), ctypes.byref(bias)))
        return as_numpy(weight, self), as_numpy(bias, self)

    @property
    def standardisation(self) -> tuple[np.ndarray, np.ndarray]:
        """shift and scale, [d] each."""
        shift, scale = _api.Array(), _api.Array()
        check(lib.sbi_network_standardisation(self.pointer, ctypes.byref(shift), ctypes.byref(scale)))
        return as_numpy(shift, self), as_numpy(scale, self)

    def norm(self, index: int) -> Optional[tuple[np.ndarray, np.ndarray]]:
        """Gain and offset of a normalised layer; None without normalisation."""
        gain, offset = _api.Array(), _api.Array()
        check(lib.sbi_network_norm(self.pointer, index, ctypes.byref(gain), ctypes.byref(offset)))
        return (as_numpy(gain, self), as_numpy(offset, self)) if gain.data else None

    def residual(self, index: int) -> int:
        """Layers of the residual block that this layer ends; 0: it ends none."""
        return lib.sbi_network_residual(self.pointer, index)

    def logit(self, features: np.ndarray) -> np.ndarray:
        """ln r(x) for features [n, d], by a network with one output."""
        features = np.asanyarray(features)
        out = np.empty(len(features))
        check(lib.sbi_network_evaluate(self.pointer, ctypes.byref(view(features)), pointer(out)))
        return out

    def outputs(self, features: np.ndarray) -> np.ndarray:
        """All outputs, [n, outputs], for features [n, d]."""
        features = np.asanyarray(features)
        out = np.empty((len(features), self.info.outputs))
        check(lib.sbi_network_evaluate_all(self.pointer, ctypes.byref(view(features)), pointer(out)))
        return out


def _onnx_options(ratio, dtype, correction, input_name, output_name):
    dtypes = {np.dtype("f4"): _api.F32, np.dtype("f8"): _api.F64}
    if np.dtype(dtype) not in dtypes:
        raise ValueError(f"dtype is {dtype}, expected f4 or f8")
    o = _api.OnnxOptions()
    lib.sbi_onnx_options_init(ctypes.byref(o))
    o.output = _api.ONNX_RATIO if ratio else _api.ONNX_LOG_RATIO
    o.dtype = dtypes[np.dtype(dtype)]
    o.correction = correction
    o.input_name = text(input_name)
    o.output_name = text(output_name)
    return o


def _train_options(options: dict):
    o = _api.TrainOptions()
    lib.sbi_train_options_init(ctypes.byref(o))
    known = dict(o._fields_)
    for name, value in options.items():
        if name not in known or name == "struct_size":
            raise TypeError(f"unknown training option {name}")
        setattr(o, name, text(value) if name in ("campaign", "device") else value)
    return o


class Ensemble(Handle):
    """Ensemble(path) loads one; Ensemble.train(data, members=50, depth=4, ...) trains one."""

    _destroy = "sbi_ensemble_destroy"

    def __init__(self, path, context: Optional[Context] = None):
        context = context or default()
        super().__init__(make(lib.sbi_ensemble_load, context.pointer, text(path)), context)

    @classmethod
    def train(cls, data: Dataset, executor: Optional[Executor] = None, **options) -> "Ensemble":
        """Options are those of sbi_train_options: depth, width, epochs, members, batch, seed, campaign, ..."""
        o = _train_options(options)
        self = cls.__new__(cls)
        Handle.__init__(self, make(lib.sbi_ensemble_train, data.pointer, ctypes.byref(o),
                                   executor.pointer if executor else None), *data._kept)
        return self

    @classmethod
    def of(cls, networks: Sequence[Network], context: Optional[Context] = None) -> "Ensemble":
        """An ensemble of networks that are there already, for instance read from ONNX files. It shares them."""
        context = context or default()
        c = (ctypes.c_void_p * len(networks))(*(n.pointer for n in networks))
        self = cls.__new__(cls)
        Handle.__init__(self, make(lib.sbi_ensemble_create, context.pointer, c, len(networks)), context, *networks)
        return self

    @property
    def combination(self) -> int:
        """COMBINE_MEAN_RATIO, COMBINE_MEAN_LOG or COMBINE_MEDIAN."""
        return lib.sbi_ensemble_combination(self.pointer)

    @combination.setter
    def combination(self, value: int) -> None:
        check(lib.sbi_ensemble_set_combination(self.pointer, value))

    def write_onnx(self, path, ratio: bool = False, dtype="f4", correction: float = 1.0, input_name: Optional[str] = None,
                   output_name: Optional[str] = None) -> None:
        """Like Network.write_onnx(), with all members and their combination in one graph."""
        o = _onnx_options(ratio, dtype, correction, input_name, output_name)
        check(lib.sbi_ensemble_write_onnx(self.pointer, text(path), ctypes.byref(o)))

    def save(self, folder) -> None:
        check(lib.sbi_ensemble_save(self.pointer, text(folder)))

    def __len__(self) -> int:
        return lib.sbi_ensemble_members(self.pointer)

    def __getitem__(self, index: int) -> Network:
        address = lib.sbi_ensemble_network(self.pointer, index) if index >= 0 else None
        if not address:
            raise IndexError(index)
        return Network._borrow(address, self)

    def ratio(self, features: np.ndarray, log: bool = False, correction: float = 1.0, device: Optional[str] = None) -> tuple[np.ndarray, np.ndarray]:
        """(ratio, spread over members) for features [n, d]. device: "cpu" (also None), "cuda", ..."""
        features = np.asanyarray(features)
        o = _api.RatioOptions()
        lib.sbi_ratio_options_init(ctypes.byref(o))
        o.output = _api.RATIO_LOG if log else _api.RATIO_VALUE
        o.correction = correction
        o.device = text(device)
        ratio, spread = np.empty(len(features)), np.empty(len(features))
        check(lib.sbi_ratio_evaluate(self.pointer, ctypes.byref(view(features)), pointer(ratio), pointer(spread),
                                     ctypes.byref(o)))
        return ratio, spread

    def write_ratio(self, features, ratio, spread=None, log: bool = False, correction: float = 1.0, device: Optional[str] = None) -> None:
        """From a .npy of features to a .npy column."""
        o = _api.RatioOptions()
        lib.sbi_ratio_options_init(ctypes.byref(o))
        o.output = _api.RATIO_LOG if log else _api.RATIO_VALUE
        o.correction = correction
        o.device = text(device)
        o.spread = text(spread)
        check(lib.sbi_ratio_write(self.pointer, text(features), text(ratio), ctypes.byref(o)))


class Diagnostics(Handle):
    """Calibration, ROC, closure, normalisation of an ensemble on a dataset."""

    _destroy = "sbi_diagnostics_destroy"

    def __init__(self, ensemble: Ensemble, data: Dataset, **options):
        o = _api.DiagnosticsOptions()
        lib.sbi_diagnostics_options_init(ctypes.byref(o))
        for name, value in options.items():
            if name not in dict(o._fields_):
                raise TypeError(f"unknown option {name}")
            setattr(o, name, value)
        super().__init__(make(lib.sbi_diagnostics_run, ensemble.pointer, data.pointer, ctypes.byref(o)), ensemble, data)

    @property
    def summary(self) -> _api.DiagnosticsSummary:
        out = _api.DiagnosticsSummary(struct_size=ctypes.sizeof(_api.DiagnosticsSummary))
        check(lib.sbi_diagnostics_summary_get(self.pointer, ctypes.byref(out)))
        return out

    def table(self, table: int, feature: int = 0) -> np.ndarray:
        """TABLE_CALIBRATION, TABLE_ROC, TABLE_CLOSURE (of a feature), TABLE_CLOSURE_SUMMARY."""
        out = _api.Array()
        check(lib.sbi_diagnostics_table(self.pointer, table, feature, ctypes.byref(out)))
        return as_numpy(out, self)
