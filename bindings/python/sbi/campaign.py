# SPDX-License-Identifier: Apache-2.0
"""Executors and campaigns of tasks."""

from __future__ import annotations

import ctypes
import json
from typing import Iterator, Optional

from . import _api
from ._api import lib
from .context import Context, Handle, default, make, text
from .errors import check


class Executor(Handle):
    """An executor by name: Executor("local", threads=2), Executor("processes", store="folder", processes=4). Keys: docs/executors.md."""

    _destroy = "sbi_executor_close"

    def __init__(self, name: str = "local", context: Optional[Context] = None, **config):
        context = context or default()
        super().__init__(make(lib.sbi_executor_open, context.pointer, name.encode(), json.dumps(config).encode()), context)

    @property
    def capabilities(self) -> _api.ExecutorCaps:
        out = _api.ExecutorCaps(struct_size=ctypes.sizeof(_api.ExecutorCaps))
        check(lib.sbi_executor_capabilities(self.pointer, ctypes.byref(out)))
        return out


class Campaign(Handle):
    """Tasks with a journal in a folder; folder None keeps everything in memory."""

    _destroy = "sbi_campaign_close"

    def __init__(self, folder=None, read_only: bool = False, context: Optional[Context] = None, **options):
        context = context or default()
        o = _api.CampaignOptions()
        lib.sbi_campaign_options_init(ctypes.byref(o))
        o.read_only = int(read_only)
        for name, value in options.items():
            if name not in dict(o._fields_):
                raise TypeError(f"unknown option {name}")
            setattr(o, name, value)
        super().__init__(make(lib.sbi_campaign_open, context.pointer, text(folder), ctypes.byref(o)), context)

    def add(self, spec: bytes, key: Optional[str] = None) -> int:
        """Adds a task; the same spec twice is one task. Returns its index."""
        task = _api.Task(struct_size=ctypes.sizeof(_api.Task), attempt=1, key=key.encode() if key else None)
        buffer = ctypes.create_string_buffer(spec, len(spec))
        task.spec, task.spec_size = ctypes.cast(buffer, ctypes.c_void_p), len(spec)
        index = ctypes.c_size_t()
        check(lib.sbi_campaign_add(self.pointer, ctypes.byref(task), None, 0, ctypes.byref(index)))
        return index.value

    def run(self, executor: Executor) -> None:
        check(lib.sbi_campaign_run(self.pointer, executor.pointer))

    def result(self, key: str) -> bytes:
        parts: list[bytes] = []

        def write(_, data, size):
            parts.append(ctypes.string_at(data, size))
            return 0

        kind = dict(_api.Sink._fields_)["write"]
        sink = _api.Sink(struct_size=ctypes.sizeof(_api.Sink), write=kind(write))
        check(lib.sbi_campaign_result(self.pointer, key.encode(), ctypes.byref(sink)))
        return b"".join(parts)

    def __len__(self) -> int:
        return lib.sbi_campaign_count(self.pointer)

    def reports(self) -> Iterator[_api.CampaignReport]:
        for i in range(len(self)):
            out = _api.CampaignReport(struct_size=ctypes.sizeof(_api.CampaignReport))
            check(lib.sbi_campaign_report_get(self.pointer, i, ctypes.byref(out)))
            yield out

    def events(self) -> Iterator[_api.CampaignEvent]:
        for i in range(lib.sbi_campaign_event_count(self.pointer)):
            out = _api.CampaignEvent(struct_size=ctypes.sizeof(_api.CampaignEvent))
            check(lib.sbi_campaign_event_get(self.pointer, i, ctypes.byref(out)))
            yield out
