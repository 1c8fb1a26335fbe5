# SPDX-License-Identifier: Apache-2.0
"""Searches of hyper-parameters."""

from __future__ import annotations

import ctypes
import json
import os
import tempfile
from typing import Optional

from . import _api
from ._api import lib
from .campaign import Executor
from .context import Handle, make
from .errors import check
from .train import Dataset, Ensemble, _train_options


def _plain(value):
    """Numbers and lists as JSON has them; arrays of numpy become lists."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


class Search(Handle):
    """A planned search: Search(data, space, method="random", trials=50, strategy="halving", epochs=81, members=3, ...).

    space: {"width": [64, 128], "learning_rate": {"log": [1e-4, 1e-2]}, "depth": {"integer": [2, 6]}}; for a grid intervals need "points".
    search_seed, trials, strategy ("full", "halving", "hyperband"), min_epochs, reduction and sigmas as in docs/search.md; all other options are
    those of training that the trials have in common."""

    _destroy = "sbi_search_destroy"

    def __init__(self, data: Dataset, space: dict, *, method: str = "grid", strategy: str = "full", trials: int = 0, search_seed: int = 1,
                 min_epochs: int = 1, reduction: float = 3.0, sigmas: float = 0.0, **base):
        o = _train_options(base)
        spec = {"method": method, "strategy": strategy, "trials": trials, "seed": str(search_seed), "min_epochs": min_epochs,
                "reduction": reduction, "sigmas": sigmas, "space": _plain(space)}
        encoded = json.dumps(spec).encode()
        context = data._kept[0]
        self.data = data
        super().__init__(make(lib.sbi_search_parse, context.pointer, ctypes.byref(o), encoded, len(encoded)), context)

    def run(self, executor: Optional[Executor] = None) -> "Search":
        """Runs what is not done; again after a failure."""
        check(lib.sbi_search_run(self.pointer, self.data.pointer, executor.pointer if executor else None))
        return self

    def __len__(self) -> int:
        return lib.sbi_search_trials(self.pointer)

    def trial(self, index: int) -> _api.SearchTrial:
        out = _api.SearchTrial(struct_size=ctypes.sizeof(_api.SearchTrial))
        check(lib.sbi_search_trial_get(self.pointer, index, ctypes.byref(out)))
        return out

    def write(self, path) -> None:
        """The leaderboard as a JSON file."""
        check(lib.sbi_search_write(self.pointer, os.fsencode(path)))

    @property
    def leaderboard(self) -> list[dict]:
        """Trials from the best: rank, trial, state, options that differ, loss, spread, score, epochs, parameters, seconds, members, ..."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "leaderboard.json")
            self.write(path)
            with open(path, encoding="utf-8") as file:
                return json.load(file)["trials"]

    def options(self, index: int) -> dict:
        """All training options of a trial, to be handed to Ensemble.train()."""
        out = _api.TrainOptions(struct_size=ctypes.sizeof(_api.TrainOptions))
        check(lib.sbi_search_trial_options(self.pointer, index, ctypes.byref(out)))
        return {name: getattr(out, name) for name, _ in out._fields_ if name != "struct_size" and getattr(out, name) is not None}

    @property
    def best_options(self) -> dict:
        """Those of the best trial that was trained to the end."""
        out = _api.TrainOptions(struct_size=ctypes.sizeof(_api.TrainOptions))
        check(lib.sbi_search_best_options(self.pointer, ctypes.byref(out)))
        return {name: getattr(out, name) for name, _ in out._fields_ if name != "struct_size" and getattr(out, name) is not None}

    def ensemble(self, index: Optional[int] = None) -> Ensemble:
        """The networks of a trial that was trained to the end; None: of the best one."""
        if index is None:
            first = ctypes.c_size_t()
            check(lib.sbi_search_ranked(self.pointer, 0, ctypes.byref(first)))
            index = first.value
        ensemble = Ensemble.__new__(Ensemble)
        Handle.__init__(ensemble, make(lib.sbi_search_ensemble, self.pointer, index), *self._kept)
        return ensemble


def search(data: Dataset, space: dict, executor: Optional[Executor] = None, **options) -> Search:
    """Plans and runs a search; arguments as those of Search."""
    return Search(data, space, **options).run(executor)
