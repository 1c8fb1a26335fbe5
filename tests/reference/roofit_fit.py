#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits of RooFit on models that RooStats HistFactory makes of workspaces of tests/data/pyhf, for tests/unit/test_fit_roofit.c.

    roofit_fit.py           writes tests/reference/roofit_fit.json
    roofit_fit.py --check   makes them anew and compares

Needs ROOT (PyPI: root; scripts/check-peers.sh makes an environment of its own). Each workspace is put together with HistFactory's Python
classes: OverallSys, HistoSys, ShapeSys (Poisson), StatError (Gaussian, no threshold), ShapeFactor, NormFactor. ROOT 6.40 multiplies all
samples by Lumi, whatever NormalizeByTheory says; here Lumi is constant, and a luminosity is a NormFactor of the samples that have one
with a Gaussian as an external constraint. HistFactory's interpolation is its default, code 4 for both. RooMinimizer runs Minuit2 at
strategy 2 with a tolerance of 1e-3 (a thousandth of the default), Hesse and Minos, within the bounds that the workspace gives. Parameters
that end at a bound are held there, and the fit repeated without limits, for errors and Minos (Minuit2 with limits calls its minimum
invalid in such a case).

A record: name, workspace, poi, parameters (the workspace's names), values, errors (0: fixed or at a bound; of the inverse of the Hessian,
differences of RooFit's likelihood), hesse (Minuit2's own errors, off by up to nine per cent: MnHesse is content with second derivatives
to two per cent at strategy 2, and its mixed ones are forward differences), held, minos ({parameter: [down, up]})."""

import json
import pathlib
import sys
import tempfile
import os

import numpy as np

STORED = pathlib.Path(__file__).resolve().parent / "roofit_fit.json"
FOLDER = pathlib.Path(__file__).resolve().parents[1] / "data" / "pyhf"
WORKSPACES = ["22_normsys_here_histosys_there", "39_large_counts", "55_random_0", "58_random_3", "59_big_0"]
MINOS_AT_MOST = 8  # parameters: the one of interest and the first others that are free


def load_root():
    import warnings

    warnings.filterwarnings("ignore")
    import ROOT

    ROOT.gROOT.SetBatch(True)
    ROOT.gErrorIgnoreLevel = ROOT.kError
    ROOT.RooMsgService.instance().setGlobalKillBelow(ROOT.RooFit.ERROR)
    return ROOT


class Model:
    """A workspace as HistFactory's, with the parameters under the workspace's names."""

    def __init__(self, ROOT, spec):
        self.ROOT, self.spec, self.kept = ROOT, spec, []
        config = spec["measurements"][0]["config"]
        self.poi, self.settings = config["poi"], {p["name"]: p for p in config["parameters"]}
        self.workspace = self.build(ROOT.RooStats.HistFactory)
        self.config = self.workspace.obj("ModelConfig")
        self.data, self.pdf = self.workspace.data("obsData"), self.config.GetPdf()
        self.variables = self.find()
        self.workspace.var("Lumi").setConstant(True)
        self.external = ROOT.RooArgSet()
        if "lumi" in self.variables:
            auxiliary, sigma = (self.settings["lumi"][key][0] for key in ("auxdata", "sigmas"))
            gaussian = ROOT.RooGaussian("lumi_constraint", "", self.variables["lumi"], ROOT.RooFit.RooConst(auxiliary), ROOT.RooFit.RooConst(sigma))
            self.external.add(gaussian)
            self.kept.append(gaussian)

    def histogram(self, name, values):
        h = self.ROOT.TH1D(name, name, len(values), 0, len(values))
        h.SetDirectory(self.ROOT.nullptr)
        for i, v in enumerate(values):
            h.SetBinContent(i + 1, v)
            h.SetBinError(i + 1, 0)
        self.ROOT.SetOwnership(h, False)  # HistFactory deletes it
        return h

    def build(self, hf):
        measurement = hf.Measurement("m", "m")
        measurement.SetPOI(self.poi)
        measurement.SetLumi(1.0)
        measurement.SetLumiRelErr(0.1)
        observed = {o["name"]: o["data"] for o in self.spec["observations"]}
        for c in self.spec["channels"]:
            channel = hf.Channel(c["name"])
            channel.SetStatErrorConfig(0.0, "Gaussian")
            channel.SetData(self.histogram(f"data_{c['name']}", observed[c["name"]]))
            for s in c["samples"]:
                channel.AddSample(self.sample(hf, c["name"], s))
            measurement.AddChannel(channel)
            self.kept.append(channel)
        self.kept.append(measurement)
        return hf.MakeModelAndMeasurementFast(measurement)

    def sample(self, hf, channel, s):
        at, nominal = f"{channel}_{s['name']}", np.array(s["data"], dtype=float)
        sample = hf.Sample(s["name"])
        sample.SetHisto(self.histogram(at, nominal))
        sample.SetNormalizeByTheory(False)
        relative = lambda data: np.divide(np.array(data, dtype=float), nominal, out=np.zeros_like(nominal), where=nominal != 0)
        for m in s["modifiers"]:
            name, kind, data = m["name"], m["type"], m["data"]
            if kind == "normfactor":
                p = self.settings.get(name, {})
                low, high = p.get("bounds", [[0, 10]])[0]
                sample.AddNormFactor(name, p.get("inits", [1.0])[0], low, high)
            elif kind == "lumi":
                sample.AddNormFactor("lumi", 1.0, *self.settings["lumi"]["bounds"][0])
            elif kind == "normsys":
                sample.AddOverallSys(name, data["lo"], data["hi"])
            elif kind == "histosys":
                x = hf.HistoSys()
                x.SetName(name)
                x.SetHistoLow(self.histogram(f"{at}_{name}_low", data["lo_data"]))
                x.SetHistoHigh(self.histogram(f"{at}_{name}_high", data["hi_data"]))
                sample.AddHistoSys(x)
            elif kind == "shapesys":
                x = hf.ShapeSys()
                x.SetName(name)
                x.SetConstraintType(hf.Constraint.Poisson)
                x.SetErrorHist(self.histogram(f"{at}_{name}", relative(data)))
                sample.AddShapeSys(x)
            elif kind == "staterror":
                x = sample.GetStatError()
                x.Activate(True)
                x.SetErrorHist(self.histogram(f"{at}_stat", relative(data)))
            elif kind == "shapefactor":
                sample.AddShapeFactor(name)
        self.kept.append(sample)
        return sample

    def find(self):
        """RooRealVars by the workspace's names; start values and bounds are the workspace's."""
        out, w = {}, self.workspace

        def add(name, root_name, start, low, high):
            v = w.var(root_name)
            if not v:
                return
            v.setRange(low, high)
            v.setVal(start)
            out[name] = v

        for c in self.spec["channels"]:
            for s in c["samples"]:
                for m in s["modifiers"]:
                    p, kind, bins = self.settings.get(m["name"], {}), m["type"], len(s["data"])
                    for i in range(bins):
                        start = p.get("inits", [1.0] * bins)
                        low, high = p["bounds"][min(i, len(p["bounds"]) - 1)] if "bounds" in p else (1e-10 if kind in ("staterror", "shapesys") else 0.0, 10.0)
                        if kind == "staterror":
                            add(f"{m['name']}[{i}]", f"gamma_stat_{c['name']}_bin_{i}", start[i], low, high)
                        elif kind in ("shapesys", "shapefactor"):
                            add(f"{m['name']}[{i}]", f"gamma_{m['name']}_bin_{i}", start[i], low, high)
                    if kind in ("normsys", "histosys"):
                        add(m["name"], f"alpha_{m['name']}", p.get("inits", [0.0])[0], *p.get("bounds", [[-5.0, 5.0]])[0])
                    elif kind == "normfactor":
                        add(m["name"], m["name"], p.get("inits", [1.0])[0], *p.get("bounds", [[0.0, 10.0]])[0])
                    elif kind == "lumi":
                        add("lumi", "lumi", 1.0, *p["bounds"][0])
        return out

    def nll(self):
        f = self.ROOT.RooFit
        return self.pdf.createNLL(self.data, f.Constrain(self.config.GetNuisanceParameters()), f.GlobalObservables(self.config.GetGlobalObservables()),
                                  f.ExternalConstraints(self.external), f.Offset("initial"))

    def minimiser(self, nll, strategy, eps):
        m = self.ROOT.RooMinimizer(nll)
        m.setPrintLevel(-1)
        m.setStrategy(strategy)
        m.setEps(eps)
        return m


def differences(nll, variables, free, values, hesse):
    """Errors of the inverse of the Hessian of RooFit's own likelihood, by central differences a fiftieth of an error wide."""
    at, step = dict(zip(variables, values)), {n: 0.02 * e for n, e in zip(variables, hesse)}

    def moved(shifts):
        for n, k in shifts:
            variables[n].setVal(at[n] + k * step[n])
        value = nll.getVal()
        for n, _ in shifts:
            variables[n].setVal(at[n])
        return value

    bottom, h = moved([]), np.zeros((len(free), len(free)))
    for i, a in enumerate(free):
        h[i, i] = (moved([(a, 1)]) - 2 * bottom + moved([(a, -1)])) / step[a] ** 2
        for j, b in enumerate(free[:i]):
            cross = sum(s * t * moved([(a, s), (b, t)]) for s in (1, -1) for t in (1, -1))
            h[i, j] = h[j, i] = cross / (4 * step[a] * step[b])
    errors = dict(zip(free, np.sqrt(np.diag(np.linalg.inv(h)))))
    return [float(errors.get(n, 0.0)) for n in variables]


def fit(ROOT, name):
    spec = json.loads((FOLDER / f"{name}.json").read_text())
    model = Model(ROOT, spec)
    nll, variables = model.nll(), model.variables
    model.minimiser(nll, 2, 1e-3).minimize("Minuit2", "migrad")
    start, bounds = {n: v.getVal() for n, v in variables.items()}, {n: (v.getMin(), v.getMax()) for n, v in variables.items()}
    held = []
    for n, v in variables.items():
        low, high = bounds[n]
        width = min(high - low, 1.0)
        if not v.isConstant() and (start[n] - low < 1e-3 * width or high - start[n] < 1e-3 * width):
            v.setVal(low if start[n] - low < 1e-3 * width else high)
            v.setConstant(True)
            held.append(n)
        else:
            v.removeMin()
            v.removeMax()
    m = model.minimiser(nll, 2, 1e-3)
    status = m.minimize("Minuit2", "migrad")
    m.hesse()
    values, hesse = [v.getVal() for v in variables.values()], [0.0 if v.isConstant() else v.getError() for v in variables.values()]
    free = [n for n, v in variables.items() if not v.isConstant()]
    wanted = ([model.poi] if model.poi in free else []) + [n for n in free if n != model.poi][:MINOS_AT_MOST - 1]
    errors, minos = differences(nll, variables, free, values, hesse), {}
    for n in wanted:
        m.minos(ROOT.RooArgSet(variables[n]))
        minos[n] = [variables[n].getErrorLo(), variables[n].getErrorHi()]
        for v, x in zip(variables.values(), values):
            v.setVal(x)
    print(f"{name}: {len(variables)} parameters, held {held}, status {status}", file=sys.stderr, flush=True)
    return {"name": name, "workspace": f"{name}.json", "poi": model.poi, "root": str(ROOT.gROOT.GetVersion()), "parameters": list(variables),
            "values": values, "errors": errors, "hesse": hesse, "held": held, "minos": minos}


def main():
    ROOT = load_root()
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:  # HistFactory leaves files behind
        os.chdir(scratch)
        try:
            made = [fit(ROOT, name) for name in WORKSPACES]
        finally:
            os.chdir(here)
    if "--check" not in sys.argv[1:]:
        STORED.write_text("[\n" + ",\n".join(json.dumps(r) for r in made) + "\n]\n")
        return 0
    worst = 0.0
    for a, b in zip(json.loads(STORED.read_text()), made):
        assert a["parameters"] == b["parameters"], a["name"]
        sigma = dict(zip(a["parameters"], a["errors"]))
        pairs = [(x, y, e or 1.0) for key in ("values", "errors") for x, y, e in zip(a[key], b[key], a["errors"])]
        pairs += [(x, y, sigma[n]) for n in a["minos"] for x, y in zip(a["minos"][n], b["minos"][n])]
        worst = max([worst] + [abs(x - y) / e for x, y, e in pairs])
    print(f"roofit_fit: {len(made)} fits, largest difference {worst:.2g} standard deviations")
    return 0 if worst < 5e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
