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


def _plain(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _event(e) -> dict:
    out = {n: _plain(getattr(e, n)) for n, *_ in e._fields_ if n != "struct_size"}
    out["event"] = lib.sbi_campaign_event_name(e.kind).decode()
    return out


def _span(e, begin, end) -> dict:
    return {"key": e["key"], "stage": e["stage"], "attempt": e["attempt"], "host": e["host"], "begin_ms": begin, "end_ms": end,
            "cpus": e["cpus"] or 1.0, "gpus": e["gpus"]}


class Campaign(Handle):
    """Tasks with a journal in a folder; folder None keeps everything in memory."""

    _destroy = "sbi_campaign_close"

    def __init__(self, folder=None, read_only: bool = False, context: Optional[Context] = None, **options):
        context = context or default()
        o = _api.CampaignOptions()
        lib.sbi_campaign_options_init(ctypes.byref(o))
        o.read_only = int(read_only)
        kept = []  # what C holds on to
        listener = options.pop("event", None)
        for name, value in options.items():
            if name not in dict(o._fields_):
                raise TypeError(f"unknown option {name}")
            setattr(o, name, text(value) if name in ("event_file", "currency") else value)
        if listener is not None:
            kept.append(self._listen(dict(o._fields_)["event"], listener))
            o.event = kept[-1]
        super().__init__(make(lib.sbi_campaign_open, context.pointer, text(folder), ctypes.byref(o)), context, *kept)

    def _listen(self, kind, listener):
        """A function for C that hands events on, as dictionaries; what it raises ends the run."""

        def hear(_, event):
            try:
                listener(_event(event.contents))
                return 0
            except Exception as error:  # noqa: BLE001: it cannot pass through C; run() raises it
                self._raised = error
                return lib.sbi_error_set(-23, f"event: {error}".encode())

        self._raised = None
        return kind(hear)

    def add(self, spec: bytes, key: Optional[str] = None, stage: Optional[str] = None, cpus: float = 0, gpus: float = 0, memory: int = 0,
            after=()) -> int:
        """Adds a task; the same spec twice is one task. `after`: keys of tasks that must be done before. Returns its index."""
        task = _api.Task(struct_size=ctypes.sizeof(_api.Task), attempt=1, key=key.encode() if key else None)
        task.stage, task.cpus, task.gpus, task.memory = stage.encode() if stage else None, cpus, gpus, memory
        before = (ctypes.c_char_p * len(after))(*[k.encode() for k in after])
        buffer = ctypes.create_string_buffer(spec, len(spec))
        task.spec, task.spec_size = ctypes.cast(buffer, ctypes.c_void_p), len(spec)
        index = ctypes.c_size_t()
        check(lib.sbi_campaign_add(self.pointer, ctypes.byref(task), before, len(after), ctypes.byref(index)))
        return index.value

    def run(self, executor: Executor) -> None:
        """Runs what is not done. What an `event` function raised is raised here."""
        self._raised = None
        status = lib.sbi_campaign_run(self.pointer, executor.pointer)
        if self._raised is not None:
            raise self._raised
        check(status)

    def retry(self, *keys: str) -> int:
        """Tasks that were given up, or those named, are tried afresh by the next run; how many."""
        changed = ctypes.c_size_t()
        names = (ctypes.c_char_p * len(keys))(*[k.encode() for k in keys])
        check(lib.sbi_campaign_retry(self.pointer, names, len(keys), ctypes.byref(changed)))
        return changed.value

    def _usage(self, index) -> dict:
        out = _api.CampaignUsage(struct_size=ctypes.sizeof(_api.CampaignUsage))
        check(lib.sbi_campaign_usage_get(self.pointer, index, ctypes.byref(out)))
        return {n: _plain(getattr(out, n)) for n, *_ in out._fields_ if n not in ("struct_size", "reserved_")}

    def usage(self) -> dict:
        """Totals of all tasks: how many are done, hours used, cost. The members of sbi_campaign_usage."""
        return self._usage(ctypes.c_size_t(-1).value)

    def stages(self) -> dict[str, dict]:
        """The same stage by stage, of those that have tasks."""
        all_ = (self._usage(i) for i in range(lib.sbi_campaign_stage_count(self.pointer)))
        return {u["stage"]: u for u in all_ if u["tasks"]}

    def cost(self) -> tuple[float, str]:
        """What attempts that ended cost, and in which currency."""
        u = self.usage()
        return u["cost"], u["currency"]

    def timeline(self) -> dict:
        """When each attempt ran, with what; for plots.campaign_timeline(). As sbi-campaign timeline --json, without its steps."""
        started, attempts, last, first = {}, [], 0, None
        for e in map(_event, self.events()):
            first, last = e["time"] if first is None else first, max(last, e["time"])
            if e["event"] == "started":
                started.setdefault(e["key"], e)
            elif e["event"] in ("submitted", "retried"):
                started.pop(e["key"], None)
            elif e["event"] in ("ended", "failed"):
                begin = started.pop(e["key"], None)
                if begin or e["seconds"] > 0:
                    attempts.append(_span(e, begin["time"] if begin else e["time"] - int(1e3 * e["seconds"]), e["time"]))
        attempts += [_span(e, e["time"], last) for e in started.values()]
        return {"begin_ms": min([first or 0] + [a["begin_ms"] for a in attempts]), "end_ms": last, "attempts": attempts}

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
