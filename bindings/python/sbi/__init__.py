# SPDX-License-Identifier: Apache-2.0
"""libsbi: neural simulation-based inference.

    import sbi
    model = sbi.Model("workspace.json")
    fit = sbi.Fit(model)
    print(fit.value("mu"), fit.minos("mu"))

Errors of the library are exceptions derived from sbi.SbiError. Arrays are numpy's, not copied where their memory can be used as it is."""

from ._api import *  # noqa: F401,F403  constants such as NUMERATOR, and the C structs that some calls return
from ._api import lib as _lib
from .campaign import Campaign, Executor
from .context import Context, progress_bar
from .errors import ArgumentError, Cancelled, DomainError, FileError, NotFound, OutOfMemory, SbiError
from .fit import ConfidenceSet, Curve, Fit, Interval, Minimum
from .limits import Limit, asimov_fit, asymptotic_cls, asymptotic_p_value, discovery, goodness_of_fit, profiled, significance
from .limits import upper_limits, upper_limits_by_toys
from .model import Model, Parameter, pack_workspace
from .ratio import Calibration, Column, Variation, Variations, Verdict, evaluate_columns, pack_columns
from .searches import Search, search
from .shard import Sharder, merge_shards
from .store import Store
from .systematics import Impact, MemberModes, Members, breakdown, ensemble_covariance, impacts, member_spread
from .tape import Evaluator, Tape, Var
from .toys import Neyman, ToyGenerator, Toys
from .train import Dataset, Diagnostics, Ensemble, Network

__version__ = _lib.sbi_version_string().decode()
