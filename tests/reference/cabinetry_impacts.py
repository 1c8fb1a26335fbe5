#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference impacts and pulls made with pyhf and cabinetry, for tests/unit/test_fit_impacts_reference.c.

    python3 tests/reference/cabinetry_impacts.py           writes tests/reference/cabinetry_impacts.h
    python3 tests/reference/cabinetry_impacts.py --check   compares with what is stored

For some workspaces of tests/data/pyhf: best fit and errors, cabinetry's widths before the fit (prefit_uncertainties) and its ranking: the
parameter of interest after fits with one nuisance parameter held at its best value +- the width before, and +- the error after the fit. And, with pyhf
alone, after fits whose auxiliary datum is shifted by its own standard deviation (Poisson: the root of the count). Fits run Minuit at strategy 2
with a tolerance of 1e-3."""
import json
import pathlib
import re
import sys

import cabinetry
import numpy as np
import pyhf

HERE = pathlib.Path(__file__).resolve().parent
CASES = ["25_staterror_each_channel", "27_shapesys_two_samples", "18_lumi", "33_uncorrelated_background"]
FIT = {"strategy": 2, "tolerance": 1e-3}


def shifted(model, data, fit, poi):
    """[P, 2] of the parameter of interest, down and up; nan where there is no auxiliary datum."""
    out = np.full((len(fit.bestfit), 2), np.nan)
    at = len(data) - len(model.config.auxdata)
    for name in model.config.auxdata_order:
        parameters = model.config.param_set(name)
        where = model.config.par_slice(name)
        for k in range(parameters.n_parameters):
            poisson = parameters.pdf_type == "poisson"
            step = np.sqrt(data[at]) if poisson else parameters.sigmas[k] if hasattr(parameters, "sigmas") else 1.0
            for side in range(2):
                moved = list(data)
                moved[at] += step * (1 if side else -1)
                out[where.start + k, side] = cabinetry.fit.fit(model, moved, **FIT).bestfit[poi] - fit.bestfit[poi]
            at += 1
    return out


def run(name):
    workspace = pyhf.Workspace(json.loads((HERE.parent / "data" / "pyhf" / f"{name}.json").read_text()))
    model = workspace.model(modifier_settings={"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}})
    data = list(workspace.data(model))
    poi = model.config.poi_index
    fit = cabinetry.fit.fit(model, data, **FIT)
    ranking = cabinetry.fit.ranking(model, data, fit_results=fit, **FIT)
    widths = cabinetry.model_utils.prefit_uncertainties(model)
    columns = [fit.bestfit, fit.uncertainty, widths]
    for values in (ranking.prefit_down, ranking.prefit_up, ranking.postfit_down, ranking.postfit_up):
        columns.append(np.insert(values, poi, np.nan))
    return model.config.par_names, np.column_stack([*columns, shifted(model, data, fit, poi)])


def number(x):
    return "NAN" if np.isnan(x) else repr(float(f"{x:.9g}"))


def main():
    path = HERE / "cabinetry_impacts.h"
    cases = [(name, *run(name)) for name in CASES]
    if "--check" in sys.argv[1:]:
        stored = [np.array([float(x) for x in line.split(",")]) for line in re.findall(r'^ +\{"[^"]+", "[^"]+", \{(.*)\}\},$', path.read_text(), re.M)]
        new = [row for _, _, table in cases for row in table]
        assert len(new) == len(stored), f"{len(new)} parameters, stored {len(stored)}"
        worst = max(np.nanmax(np.abs(a - b) / np.maximum(np.abs(b), 1e-2)) for a, b in zip(new, stored))
        print(f"{path.name}: {len(new)} parameters, largest difference {worst:.2g}")
        return int(worst > 5e-3)
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */",
             f"/* Made by tests/reference/cabinetry_impacts.py with pyhf {pyhf.__version__}, cabinetry {cabinetry.__version__}. */",
             "#ifndef TESTS_REFERENCE_CABINETRY_IMPACTS_H", "#define TESTS_REFERENCE_CABINETRY_IMPACTS_H", "", "#include <math.h>", "",
             "/* value, error, width before the fit; change of the parameter of interest: held at -+ width, held at -+ error, auxiliary",
             " * datum -+ its standard deviation. */", "static const struct reference_impact {", "    const char *workspace, *parameter;",
             "    double numbers[9];", "} reference_impacts[] = {"]
    for name, parameters, table in cases:
        lines += [f'    {{"{name}", "{p}", {{{", ".join(map(number, row))}}}}},' for p, row in zip(parameters, table)]
    lines += ["};", "", "#endif", ""]
    path.write_text("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
