# SPDX-License-Identifier: Apache-2.0
"""Contexts: threads, log, progress, cancellation."""

from __future__ import annotations

import ctypes
import sys
from typing import Callable, Optional

from . import _api
from ._api import lib
from .errors import check


class Handle:
    """Owns a C handle; `_destroy` names the function that frees it. What it needs alive is kept in `_kept`."""

    _destroy = ""

    def __init__(self, pointer: ctypes.c_void_p, *kept: object):
        self._pointer = pointer
        self._kept = kept

    @property
    def pointer(self) -> ctypes.c_void_p:
        if not self._pointer:
            raise ValueError(f"this {type(self).__name__} is closed")
        return self._pointer

    def close(self) -> None:
        """Frees the C object now instead of when Python forgets this one."""
        if self._pointer:
            getattr(lib, self._destroy)(self._pointer)
            self._pointer = None
            self._kept = ()

    def __del__(self):
        if getattr(self, "_pointer", None) and lib is not None:
            self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def make(function, *arguments) -> ctypes.c_void_p:
    """Calls a function whose first argument is `T **out` and returns the handle."""
    out = ctypes.c_void_p()
    check(function(ctypes.byref(out), *arguments))
    return out


def text(value) -> Optional[bytes]:
    """A path or string for a `const char *`."""
    import os

    return None if value is None else os.fsencode(value)


def progress_bar(stage: str, done: float, total: float, detail: str) -> None:
    """A progress callback: a tqdm bar where tqdm is installed, else lines on standard error."""
    try:
        from tqdm import tqdm
    except ImportError:
        share = f"{100 * done / total:3.0f} %" if total else ""
        print(f"{stage:12} {share} {detail}", file=sys.stderr)
        return
    bar = progress_bar.bars.get(stage)
    if bar is None:
        bar = progress_bar.bars[stage] = tqdm(desc=stage, total=total or None)
    bar.n = done
    bar.set_postfix_str(detail)
    if total and done >= total:
        progress_bar.bars.pop(stage).close()


progress_bar.bars = {}


class Context(Handle):
    """The library's context. `threads` 0: every processor this process may use. log(level, message) and
    progress(stage, done, total, detail) may be called from any thread. cancel() is polled: true stops what runs."""

    _destroy = "sbi_context_destroy"

    def __init__(
        self,
        threads: int = 0,
        log: Optional[Callable[[int, str], None]] = None,
        log_level: int = _api.LOG_WARNING,
        progress: Optional[Callable[[str, float, float, str], None]] = None,
        cancel: Optional[Callable[[], bool]] = None,
    ):
        options = _api.ContextOptions()
        lib.sbi_context_options_init(ctypes.byref(options))
        options.threads = threads
        options.log_level = log_level
        if log:
            options.log = _api.LogFn(lambda _, level, message: log(level, message.decode(errors="replace")))
        if progress:
            options.progress = _api.ProgressFn(
                lambda _, stage, done, total, detail: progress(stage.decode(), done, total, detail.decode(errors="replace"))
            )
        if cancel:
            options.cancel = _api.CancelFn(lambda _: int(bool(cancel())))
        # The options hold the callbacks, which must live as long as the context.
        super().__init__(make(lib.sbi_context_create, ctypes.byref(options)), options)

    def cancel(self, flag: bool = True) -> None:
        """Asks everything in this context to stop soon, or lifts that."""
        lib.sbi_context_cancel(self.pointer, int(flag))

    @property
    def threads(self) -> int:
        return lib.sbi_context_threads(self.pointer)


_default: Optional[Context] = None


def default() -> Context:
    """The context that is used where none is given, made at first need."""
    global _default
    if _default is None:
        _default = Context()
    return _default
