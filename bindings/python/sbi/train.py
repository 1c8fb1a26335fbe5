# SPDX-License-Identifier: Apache-2.0
"""Datasets, networks, ensembles and training."""

from __future__ import annotations

import ctypes
import json
from typing import Optional, Sequence

import numpy as np

from . import _api
from ._api import lib
from .arrays import as_numpy, pointer, view
from .campaign import Executor
from .context import Context, Handle, default, make, text
from .errors import check


_TRANSFORMS = ("none", "log", "signed_log", "yeo_johnson", "one_hot", "one_hot_or_zero")  # SBI_TRANSFORM_...


class Dataset(Handle):
    """Weighted events of a numerator and a denominator; arrays are borrowed and kept alive, files are mapped."""

    _destroy = "sbi_dataset_destroy"

    def __init__(self, context: Optional[Context] = None, allow_negative_weights: bool = False):
        context = context or default()
        super().__init__(make(lib.sbi_dataset_create, context.pointer), context)
        self._arrays: list[object] = []
        if allow_negative_weights:
            check(lib.sbi_dataset_set_weight_policy(self.pointer, _api.WEIGHTS_ALLOW_NEGATIVE))

    def add(self, side: int, features, weights=None, theta=None, joint_ratio=None, score=None, target=None) -> "Dataset":
        """side: NUMERATOR, DENOMINATOR, or another class from 2. All others: arrays, or all paths of .npy files. features [n, d],
        weights [n], theta [n, q] at which events were simulated, joint_ratio r(x, z) [n], score t(x, z) [n, q], target [n, t]."""
        given = {"features": features, "weights": weights, "theta": theta, "joint_ratio": joint_ratio, "score": score, "target": target}
        given = {name: value for name, value in given.items() if value is not None}
        if isinstance(features, np.ndarray):
            kept = {name: np.asanyarray(value) for name, value in given.items()}
            views = {name: view(a) for name, a in kept.items()}
            events = _api.EventArrays()
            lib.sbi_event_arrays_init(ctypes.byref(events))
            for name, v in views.items():
                setattr(events, name, ctypes.pointer(v))
            check(lib.sbi_dataset_add_arrays(self.pointer, side, ctypes.byref(events)))
            self._arrays.extend(kept.values())
        else:
            files = _api.EventFiles()
            lib.sbi_event_files_init(ctypes.byref(files))
            for name, value in given.items():
                setattr(files, name, text(value))
            check(lib.sbi_dataset_add_files(self.pointer, side, ctypes.byref(files)))
        return self

    def names(self, names: Sequence[str]) -> "Dataset":
        c = (ctypes.c_char_p * len(names))(*(n.encode() for n in names))
        check(lib.sbi_dataset_set_feature_names(self.pointer, c, len(names)))
        return self

    def parameters(self, names: Sequence[str]) -> "Dataset":
        """Names the parameters theta."""
        c = (ctypes.c_char_p * len(names))(*(n.encode() for n in names))
        check(lib.sbi_dataset_set_parameter_names(self.pointer, c, len(names)))
        return self

    def name_class(self, side: int, name: str) -> "Dataset":
        check(lib.sbi_dataset_set_class_name(self.pointer, side, name.encode()))
        return self

    @property
    def classes(self) -> list[str]:
        return [lib.sbi_dataset_class_name(self.pointer, c).decode() for c in range(lib.sbi_dataset_classes(self.pointer))]

    def transform(self, feature, kind: str, *values: float) -> "Dataset":
        """Adds a step to what a feature (an index, or its name) goes through before the network: "log" [c], "signed_log" [c],
        "yeo_johnson" [exponent], "one_hot" [categories...], "one_hot_or_zero" [categories...], "none". Values that are left out are 0, 1, or found
        from the data."""
        if kind not in _TRANSFORMS:
            raise ValueError(f"kind is {kind!r}, expected one of {', '.join(_TRANSFORMS)}")
        if isinstance(feature, str):
            names = [lib.sbi_dataset_feature_name(self.pointer, j).decode() for j in range(lib.sbi_dataset_features(self.pointer))]
            if feature not in names:
                raise ValueError(f"there is no feature {feature!r} in {', '.join(names)}")
            feature = names.index(feature)
        c = (ctypes.c_double * len(values))(*values)
        check(lib.sbi_dataset_add_transform(self.pointer, feature, _TRANSFORMS.index(kind), c, len(values)))
        return self

    def events(self, side: int) -> int:
        return lib.sbi_dataset_events(self.pointer, side)

    def folds(self, side: int, seed: int, folds: int) -> np.ndarray:
        """The fold of each event of a side, 0 to folds - 1, as training with these options has it."""
        out = np.empty(self.events(side), dtype=np.int32)
        check(lib.sbi_dataset_fold(self.pointer, side, seed, folds, out.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))))
        return out

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

    @property
    def transforms(self) -> list[list[tuple[str, np.ndarray]]]:
        """For each feature the steps before the standardisation, as (kind, values) of Dataset.transform()."""
        out = []
        for feature in range(self.info.features):
            steps = []
            for step in range(lib.sbi_network_transform_count(self.pointer, feature)):
                kind, values = ctypes.c_int32(), _api.Array()
                check(lib.sbi_network_transform(self.pointer, feature, step, ctypes.byref(kind), ctypes.byref(values)))
                steps.append((_TRANSFORMS[kind.value], as_numpy(values, self)))
            out.append(steps)
        return out

    @property
    def standardisation(self) -> tuple[np.ndarray, np.ndarray]:
        """(shift, scale) of the inputs, after the transforms."""
        shift, scale = _api.Array(), _api.Array()
        check(lib.sbi_network_standardisation(self.pointer, ctypes.byref(shift), ctypes.byref(scale)))
        return as_numpy(shift, self), as_numpy(scale, self)

    @property
    def training(self) -> dict:
        """How it was trained: options, dataset, diverged attempts, held_out_loss. Empty if not trained here."""
        known = lib.sbi_network_training(self.pointer)
        return json.loads(known) if known else {}

    def layer(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        weight, bias = _api.Array(), _api.Array()
        check(lib.sbi_network_layer(self.pointer, index, ctypes.byref(weight), ctypes.byref(bias)))
        return as_numpy(weight, self), as_numpy(bias, self)

    @property
    def classes(self) -> list[str]:
        """Names of the classes that the outputs tell apart; none for a regression."""
        return [lib.sbi_network_class_name(self.pointer, c).decode() for c in range(self.info.classes)]

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

    def outputs(self, features: np.ndarray, theta: Optional[Sequence[float]] = None) -> np.ndarray:
        """All outputs [n, outputs] for features [n, d]; theta: one for all rows, else features end in theta."""
        features = np.asanyarray(features)
        out = np.empty((len(features), self.info.outputs))
        if theta is None:
            check(lib.sbi_network_evaluate_all(self.pointer, ctypes.byref(view(features)), pointer(out)))
        else:
            at = np.ascontiguousarray(theta, dtype=float).reshape(-1)
            check(lib.sbi_network_evaluate_at(self.pointer, ctypes.byref(view(features)), pointer(at), len(at), pointer(out)))
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


def _ratio_options(log, correction, device, theta, numerator, denominator, calibration=None):
    """The options, and what must live as long as they do."""
    o = _api.RatioOptions()
    lib.sbi_ratio_options_init(ctypes.byref(o))
    o.output = _api.RATIO_LOG if log else _api.RATIO_VALUE
    o.correction = correction
    o.device = text(device)
    o.numerator, o.denominator = numerator, denominator
    o.calibration = calibration.pointer if calibration else None
    if theta is None:
        return o, None
    kept = np.ascontiguousarray(theta, dtype=float).reshape(-1)
    o.theta = kept.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
    o.n_theta = len(kept)
    return o, kept


def _train_options(options: dict):
    o = _api.TrainOptions()
    lib.sbi_train_options_init(ctypes.byref(o))
    known = dict(o._fields_)
    for name, value in options.items():
        if name not in known or name == "struct_size":
            raise TypeError(f"unknown training option {name}")
        setattr(o, name, text(value) if name in ("campaign", "device", "epoch_log") else value)
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

    def write_report(self, path) -> None:
        """How every member was trained, as a JSON file."""
        check(lib.sbi_ensemble_write_report(self.pointer, text(path)))

    def save(self, folder) -> None:
        check(lib.sbi_ensemble_save(self.pointer, text(folder)))

    def __len__(self) -> int:
        return lib.sbi_ensemble_members(self.pointer)

    def __getitem__(self, index: int) -> Network:
        address = lib.sbi_ensemble_network(self.pointer, index) if index >= 0 else None
        if not address:
            raise IndexError(index)
        return Network._borrow(address, self)

    def ratio(self, features: np.ndarray, log: bool = False, correction: float = 1.0, device: Optional[str] = None,
              theta: Optional[Sequence[float]] = None, numerator: int = _api.NUMERATOR, denominator: int = _api.DENOMINATOR,
              calibration=None) -> tuple[np.ndarray, np.ndarray]:
        """(ratio, spread over members) for features [n, d]. device: "cpu" (also None), "cuda", ... theta: of a parameterised
        ensemble, for all rows. numerator, denominator: classes. calibration: a Calibration."""
        features = np.asanyarray(features)
        o, kept = _ratio_options(log, correction, device, theta, numerator, denominator, calibration)
        ratio, spread = np.empty(len(features)), np.empty(len(features))
        check(lib.sbi_ratio_evaluate(self.pointer, ctypes.byref(view(features)), pointer(ratio), pointer(spread),
                                     ctypes.byref(o)))
        return ratio, spread

    def held_out_ratio(self, data: Dataset, side: int, log: bool = False, correction: float = 1.0,
                       calibration=None) -> tuple[np.ndarray, np.ndarray]:
        """(ratio, spread) of the events that an ensemble with `folds` was trained on, each from the members that did not see it."""
        o, kept = _ratio_options(log, correction, None, None, _api.NUMERATOR, _api.DENOMINATOR, calibration)
        ratio, spread = np.empty(data.events(side)), np.empty(data.events(side))
        check(lib.sbi_ratio_evaluate_held_out(self.pointer, data.pointer, side, pointer(ratio), pointer(spread), ctypes.byref(o)))
        return ratio, spread

    def write_ratio(self, features, ratio, spread=None, log: bool = False, correction: float = 1.0, device: Optional[str] = None,
                    theta: Optional[Sequence[float]] = None, numerator: int = _api.NUMERATOR,
                    denominator: int = _api.DENOMINATOR, calibration=None) -> None:
        """From a .npy of features to a .npy column; otherwise as ratio()."""
        o, kept = _ratio_options(log, correction, device, theta, numerator, denominator, calibration)
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
            setattr(o, name, value.pointer if isinstance(value, Handle) else value)
        super().__init__(make(lib.sbi_diagnostics_run, ensemble.pointer, data.pointer, ctypes.byref(o)), ensemble, data)

    @property
    def summary(self) -> _api.DiagnosticsSummary:
        out = _api.DiagnosticsSummary(struct_size=ctypes.sizeof(_api.DiagnosticsSummary))
        check(lib.sbi_diagnostics_summary_get(self.pointer, ctypes.byref(out)))
        return out

    def table(self, table: int, feature: int = 0) -> np.ndarray:
        """TABLE_CALIBRATION, TABLE_ROC, TABLE_CLOSURE (of a feature), TABLE_CLOSURE_SUMMARY, TABLE_TAILS, TABLE_SHARES, TABLE_SCORES, TABLE_SPREAD."""
        out = _api.Array()
        check(lib.sbi_diagnostics_table(self.pointer, table, feature, ctypes.byref(out)))
        return as_numpy(out, self)

    def write(self, path) -> None:
        """Everything as JSON."""
        check(lib.sbi_diagnostics_write(self.pointer, text(path)))
