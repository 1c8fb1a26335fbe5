# SPDX-License-Identifier: Apache-2.0
"""Finding and loading libsbi.so.

The first of these that exists is used: the path in the environment variable SBI_LIBRARY, a libsbi.so beside this
package (a wheel), the build tree this source checkout makes, the system's own search path.
"""

from __future__ import annotations

import ctypes
import os
import pathlib

SONAME = "libsbi.so.0"


def candidates() -> list[str]:
    here = pathlib.Path(__file__).resolve().parent
    found = []
    explicit = os.environ.get("SBI_LIBRARY")
    if explicit:
        return [explicit]
    for folder in (here, *here.parents):
        for path in (folder / SONAME, folder / "build" / SONAME, folder / "build" / "lib" / SONAME):
            if path.exists():
                found.append(str(path))
    found.append(SONAME)
    return found


def load() -> ctypes.CDLL:
    tried = []
    for path in candidates():
        try:
            return ctypes.CDLL(path)
        except OSError as error:
            tried.append(f"{path}: {error}")
    raise ImportError("libsbi.so.0 was not found; set SBI_LIBRARY to its path. Tried:\n  " + "\n  ".join(tried))


lib = load()
