# SPDX-License-Identifier: Apache-2.0
"""The C interface of libsbi in ctypes: structs, callback types and the signature of every function.

The tables in the modules _structs_* and below are written by hand and held against the headers by
tests/test_signatures.py: a function or member that differs from include/sbi/ fails the test.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint32, c_void_p

from ._library import lib

ARRAY_MAX_DIMS = 8

LOG_FN = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
PROGRESS_FN = ctypes.CFUNCTYPE(None, c_void_p, c_char_p, c_double, c_double, c_char_p)
CANCEL_FN = ctypes.CFUNCTYPE(c_int32, c_void_p)


class Array(ctypes.Structure):
    _fields_ = [
        ("data", c_void_p),
        ("dtype", c_int32),
        ("ndim", c_int32),
        ("shape", c_int64 * ARRAY_MAX_DIMS),
        ("strides", c_int64 * ARRAY_MAX_DIMS),
    ]


class ContextOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("threads", c_int32),
        ("log_level", c_int32),
        ("reserved_", c_int32),
        ("log", LOG_FN),
        ("log_user", c_void_p),
        ("progress", PROGRESS_FN),
        ("progress_user", c_void_p),
        ("cancel", CANCEL_FN),
        ("cancel_user", c_void_p),
        ("parallel_for", c_void_p),
        ("parallel_for_user", c_void_p),
        ("allocate", c_void_p),
        ("release", c_void_p),
        ("allocator_user", c_void_p),
    ]
