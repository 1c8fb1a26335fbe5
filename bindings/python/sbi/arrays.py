# SPDX-License-Identifier: Apache-2.0
"""numpy arrays as sbi_array views, without copies."""

from __future__ import annotations

import ctypes

import numpy as np

from ._api import ARRAY_MAX_DIMS, Array

_DTYPES = {"f2": 1, "f4": 2, "f8": 3, "i1": 4, "i2": 5, "i4": 6, "i8": 7, "u1": 8, "u2": 9, "u4": 10, "u8": 11}
_NAMES = {number: name for name, number in _DTYPES.items()}


def view(array: np.ndarray) -> Array:
    """The sbi_array of a numpy array of any stride; the caller keeps the array alive while the view is used."""
    array = np.asanyarray(array)
    kind = array.dtype.newbyteorder("=").str[1:]
    if kind not in _DTYPES or not array.dtype.isnative:
        raise TypeError(f"libsbi has no element type for numpy dtype {array.dtype}")
    if array.ndim > ARRAY_MAX_DIMS:
        raise ValueError(f"at most {ARRAY_MAX_DIMS} dimensions, not {array.ndim}")
    out = Array(data=array.ctypes.data, dtype=_DTYPES[kind], ndim=array.ndim)
    out.shape[: array.ndim] = array.shape
    out.strides[: array.ndim] = array.strides
    return out


def as_numpy(a: Array, owner: object) -> np.ndarray:
    """A read-only numpy array over the memory of an sbi_array; `owner` is kept alive with it."""
    shape = tuple(a.shape[: a.ndim])
    if 0 in shape:
        return np.empty(shape, dtype=_NAMES[a.dtype])
    interface = {
        "version": 3,
        "shape": shape,
        "typestr": ("|" if a.dtype in (4, 8) else "<") + _NAMES[a.dtype],
        "strides": tuple(a.strides[: a.ndim]),
        "data": (a.data, True),
    }
    holder = type("_Memory", (), {"__array_interface__": interface, "owner": owner})()
    return np.asarray(holder)


def doubles(values, shape=None) -> np.ndarray:
    """A C-contiguous float64 array, copied only if it is not one already."""
    out = np.ascontiguousarray(values, dtype=np.float64)
    if shape is not None and out.shape != tuple(shape):
        raise ValueError(f"expected shape {tuple(shape)}, found {out.shape}")
    return out


def pointer(array: np.ndarray | None):
    """The address of a float64 array for an argument `double *`; None gives NULL."""
    if array is None:
        return None
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
