# SPDX-License-Identifier: Apache-2.0
"""Impacts, breakdowns of an uncertainty, and the finite ensemble of networks: see docs/systematics.md."""

from __future__ import annotations

import ctypes
from typing import Mapping, NamedTuple, Optional, Sequence, Union

import numpy as np

from . import _api
from ._api import lib
from .arrays import pointer, view
from .context import Context, Handle, default, make
from .errors import check
from .fit import Fit

_METHODS = {
    "postfit_hessian": _api.IMPACT_POSTFIT_HESSIAN,
    "prefit_hessian": _api.IMPACT_PREFIT_HESSIAN,
    "postfit": _api.IMPACT_POSTFIT,
    "prefit": _api.IMPACT_PREFIT,
    "auxiliary_hessian": _api.IMPACT_AUXILIARY_HESSIAN,
    "auxiliary": _api.IMPACT_AUXILIARY,
}
_DEPENDENCE = {"independent": _api.MEMBERS_INDEPENDENT, "bootstrap": _api.MEMBERS_BOOTSTRAP}
_COMBINATION = {"mean_ratio": _api.MEMBERS_MEAN_RATIO, "mean_log": _api.MEMBERS_MEAN_LOG}


def _choice(name: str, value: str, table: Mapping[str, int]) -> int:
    if value not in table:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(table)}")
    return table[value]


def _texts(values: Sequence[str]):
    return (ctypes.c_char_p * len(values))(*(v.encode() for v in values))


class Impact(NamedTuple):
    """What moving one nuisance parameter does. Pairs are (down, up); nan where `message` says why."""

    name: str
    impact: tuple[float, float]
    size: float
    moved: tuple[float, float]
    pull: float
    constrained: float
    reason: tuple[int, int]
    message: tuple[str, str]
    shifts: np.ndarray  #: [2, P] of all parameters


def impacts(fit: Fit, poi: str, method: str = "auxiliary_hessian", parameters: Optional[Sequence[str]] = None) -> list[Impact]:
    """Impacts on poi, the largest first. method: "postfit_hessian", "prefit_hessian", "postfit", "prefit", "auxiliary_hessian" or
    "auxiliary"; those without "hessian" fit again. parameters: names or patterns such as "JES_*"; None: all that are constrained."""
    options = _api.ImpactsOptions()
    lib.sbi_impacts_options_init(ctypes.byref(options))
    options.method = _choice("method", method, _METHODS)
    if parameters is not None:
        kept = _texts(parameters)
        options.n_patterns, options.patterns = len(kept), ctypes.cast(kept, ctypes.POINTER(ctypes.c_char_p))
    handle = make(lib.sbi_impacts_run, fit.pointer, poi.encode(), ctypes.byref(options))
    try:
        return [_impact(handle, rank, len(fit.parameters)) for rank in range(lib.sbi_impacts_count(handle))]
    finally:
        lib.sbi_impacts_destroy(handle)


def _impact(handle, rank: int, n: int) -> Impact:
    c = _api.Impact(struct_size=ctypes.sizeof(_api.Impact))
    shifts = np.empty((2, n))
    check(lib.sbi_impacts_get(handle, rank, ctypes.byref(c)))
    for side in range(2):
        check(lib.sbi_impacts_shift(handle, rank, side, pointer(shifts[side])))
    return Impact(c.name.decode(), tuple(c.impact), c.size, tuple(c.moved), c.pull, c.constrained, tuple(c.reason),
                  (c.message[0].decode(), c.message[1].decode()), shifts)


class Line(NamedTuple):
    """One line of a breakdown: `variance` adds up to the total's, `conventional` does not."""

    variance: float
    uncertainty: float
    without: float
    conventional: float
    n_parameters: int


def breakdown(fit: Fit, poi: str, groups: Optional[Mapping[str, Union[str, Sequence[str]]]] = None) -> dict[str, Line]:
    """The uncertainty of poi by groups of nuisance parameters ({"jets": ["JES_*", "JER"]}), then "other", "statistical" and "total"."""
    groups = groups or {}
    array = (_api.ParameterGroup * max(len(groups), 1))()
    kept = []
    for c, (name, patterns) in zip(array, groups.items()):
        kept.append(_texts([patterns] if isinstance(patterns, str) else list(patterns)))
        c.struct_size, c.name = ctypes.sizeof(_api.ParameterGroup), name.encode()
        c.n_patterns, c.patterns = len(kept[-1]), ctypes.cast(kept[-1], ctypes.POINTER(ctypes.c_char_p))
    handle = make(lib.sbi_breakdown_run, fit.pointer, poi.encode(), array, len(groups))
    try:
        out = {}
        for index in range(lib.sbi_breakdown_count(handle)):
            e = _api.BreakdownEntry(struct_size=ctypes.sizeof(_api.BreakdownEntry))
            check(lib.sbi_breakdown_get(handle, index, ctypes.byref(e)))
            out[e.name.decode()] = Line(e.variance, e.uncertainty, e.without, e.conventional, e.n_parameters)
        return out
    finally:
        lib.sbi_breakdown_destroy(handle)


class Members(NamedTuple):
    """The ratios of an ensemble's members for one sample of a model: arrays [events, members], of ln r if `logarithms`."""

    channel: int
    sample: int
    members: np.ndarray
    integration: Optional[np.ndarray] = None
    logarithms: bool = False


def _ensemble_options(dependence: str, combination: str = "mean_ratio", max_modes: int = 0, fraction: float = 1.0):
    o = _api.EnsembleOptions()
    lib.sbi_ensemble_options_init(ctypes.byref(o))
    o.dependence = _choice("dependence", dependence, _DEPENDENCE)
    o.combination = _choice("combination", combination, _COMBINATION)
    o.max_modes, o.fraction = max_modes, fraction
    return o


def ensemble_covariance(fit: Fit, columns: Sequence[Members], dependence: str = "independent",
                        combination: str = "mean_ratio") -> tuple[np.ndarray, np.ndarray]:
    """(V [P, P], shifts [M, P]): what the finite ensemble adds to fit.covariance, by the jackknife over its members, and how the best
    fit moves without each of them. `columns`: all samples and channels whose ratios this ensemble made."""
    n, kept = len(fit.parameters), []

    def lend(array):
        if array is None:
            return None
        array = np.asanyarray(array)
        kept.append((array, view(array)))
        return ctypes.pointer(kept[-1][1])

    c = (_api.MemberColumns * max(len(columns), 1))()
    for out, given in zip(c, columns):
        out.struct_size, out.logarithms = ctypes.sizeof(_api.MemberColumns), int(given.logarithms)
        out.channel, out.sample = given.channel, given.sample
        out.members, out.integration = lend(given.members), lend(given.integration)
    M = np.shape(columns[0].members)[1] if columns and np.ndim(columns[0].members) == 2 else 0
    V, shifts = np.empty((n, n)), np.empty((M, n))
    options = _ensemble_options(dependence, combination)
    check(lib.sbi_ensemble_covariance(fit.pointer, c, len(columns), ctypes.byref(options), pointer(V), pointer(shifts)))
    return V, shifts


class MemberModes(Handle):
    """MemberModes(members): independent variations of ln r that have the covariance of an ensemble's mean. modes.column(j, members)
    is one over any events; add (column, -column) as an eventsys with storage=sbi.MORPH_LOG under a nuisance parameter of its own."""

    _destroy = "sbi_member_modes_destroy"

    def __init__(self, members, logarithms: bool = False, weights=None, dependence: str = "independent", max_modes: int = 0,
                 fraction: float = 1.0, context: Optional[Context] = None):
        context = context or default()
        members = np.asanyarray(members)
        weights = None if weights is None else np.asanyarray(weights)
        options = _ensemble_options(dependence, max_modes=max_modes, fraction=fraction)
        super().__init__(make(lib.sbi_member_modes_create, context.pointer, ctypes.byref(view(members)), int(logarithms),
                              None if weights is None else ctypes.byref(view(weights)), ctypes.byref(options)), context)

    def __len__(self) -> int:
        return lib.sbi_member_modes_count(self.pointer)

    @property
    def fractions(self) -> np.ndarray:
        """Share of the variance that each mode has."""
        return np.array([lib.sbi_member_modes_fraction(self.pointer, j) for j in range(len(self))])

    def column(self, mode: int, members, logarithms: bool = False) -> np.ndarray:
        """+1 standard deviation of ln r along a mode, [events]."""
        members = np.asanyarray(members)
        out = np.empty(members.shape[0])
        check(lib.sbi_member_modes_column(self.pointer, mode, ctypes.byref(view(members)), int(logarithms), pointer(out)))
        return out


def member_spread(members, logarithms: bool = False, dependence: str = "independent", context: Optional[Context] = None) -> np.ndarray:
    """+1 standard deviation of ln r event by event, [events]: one parameter for all, as if they were fully correlated."""
    context = context or default()
    members = np.asanyarray(members)
    out = np.empty(members.shape[0])
    options = _ensemble_options(dependence)
    check(lib.sbi_member_spread(context.pointer, ctypes.byref(view(members)), int(logarithms), ctypes.byref(options), pointer(out)))
    return out
