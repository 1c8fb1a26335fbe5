# SPDX-License-Identifier: Apache-2.0
"""Stores: named objects in a folder, a bucket or a WebDAV folder. See docs/stores.md."""

from __future__ import annotations

import ctypes
import json
from typing import List, Optional

from . import _api
from ._api import lib
from .context import Context, default
from .errors import check

_Write = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_Each = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)


class Store:
    """Objects by name; several threads may use one at once."""

    def __init__(self, url: str, config: Optional[dict] = None, context: Optional[Context] = None):
        self._context, self.pointer = context or default(), ctypes.c_void_p()
        text = None if config is None else json.dumps(config).encode()
        check(lib.sbi_store_open(ctypes.byref(self.pointer), self._context.pointer, url.encode(), text))

    def close(self) -> None:
        pointer, self.pointer = self.pointer, ctypes.c_void_p()
        lib.sbi_store_close(pointer)

    def __del__(self):
        if getattr(self, "pointer", None):
            self.close()

    def put(self, name: str, data: bytes, create: bool = False) -> None:
        """Puts bytes; with create, never replaces."""
        check(lib.sbi_store_put_bytes(self.pointer, name.encode(), data, len(data), _api.STORE_CREATE if create else 0))

    def get(self, name: str, offset: int = 0, length: int = 0) -> bytes:
        """Bytes [offset, offset + length); length 0: to the end."""
        parts: List[bytes] = []

        def write(_, data, size):
            parts.append(ctypes.string_at(data, size))
            return 0

        sink = _api.Sink(struct_size=ctypes.sizeof(_api.Sink), write=_Write(write))
        check(lib.sbi_store_get(self.pointer, name.encode(), offset, length, ctypes.byref(sink)))
        return b"".join(parts)

    def get_file(self, name: str, path: str, sha256: Optional[str] = None) -> None:
        """Brings an object into a file, which appears whole or not at all."""
        check(lib.sbi_store_get_file(self.pointer, name.encode(), path.encode(), sha256.encode() if sha256 else None))

    def list(self, prefix: str = "") -> List[str]:
        """The names that start with prefix, in order."""
        names: List[str] = []

        def each(_, name, __):
            names.append(name.decode())
            return 0

        check(lib.sbi_store_list(self.pointer, prefix.encode(), _Each(each), None))
        return names

    def remove(self, name: str) -> None:
        """No error if there is none."""
        check(lib.sbi_store_remove(self.pointer, name.encode()))
