# SPDX-License-Identifier: Apache-2.0
"""The models of the gallery: a binned search for a peak, and the off-shell example with exact ratios."""

import pathlib
import subprocess

import numpy as np

import sbi

EDGES = np.linspace(100, 200, 11)


def peak(mass=130.0, observed=True):
    """Ten bins of a falling background under a peak, thirteen nuisance parameters; data from a fixed seed, with signal if `observed`."""
    centre = (EDGES[1:] + EDGES[:-1]) / 2
    signal = 60 * np.exp(-0.5 * ((centre - mass) / 8) ** 2) / np.exp(-0.5 * ((centre - mass) / 8) ** 2).sum()
    falling, flat = 140 * np.exp(-(centre - 100) / 45), np.full(10, 25.0)
    tilt = (centre - 150) / 50

    def norm(name, hi, lo):
        return {"name": name, "type": "normsys", "data": {"hi": hi, "lo": lo}}

    def shape(name, counts, size):
        return {"name": name, "type": "histosys", "data": {"hi_data": list(counts * (1 + size * tilt)), "lo_data": list(counts * (1 - size * tilt))}}

    def statistics(counts, size):
        return {"name": "mc", "type": "staterror", "data": list(size * counts)}

    samples = [
        {"name": "signal", "data": list(signal), "modifiers": [
            {"name": "mu", "type": "normfactor", "data": None}, norm("lumi", 1.02, 0.98), norm("signal_theory", 1.09, 0.92),
            shape("jet_scale", signal, 0.1)]},
        {"name": "continuum", "data": list(falling), "modifiers": [
            {"name": "continuum_norm", "type": "normfactor", "data": None}, shape("jet_scale", falling, 0.12),
            shape("continuum_slope", falling, 0.25), statistics(falling, 0.04)]},
        {"name": "top", "data": list(flat), "modifiers": [
            norm("lumi", 1.02, 0.98), norm("top_rate", 1.12, 0.9), norm("b_tag", 0.94, 1.05), statistics(flat, 0.04)]},
    ]
    data = np.random.default_rng(5).poisson(falling * (1 + 0.15 * tilt) + 1.08 * flat + (signal if observed else 0))
    parameters = [{"name": "mu", "inits": [1.0], "bounds": [[-5.0, 12.0]]}]
    return sbi.Model.from_spec({
        "version": "1.0.0", "channels": [{"name": "SR", "samples": samples}],
        "observations": [{"name": "SR", "data": [float(n) for n in data]}],
        "measurements": [{"name": "peak", "config": {"poi": "mu", "parameters": parameters}}]})


def offshell(program, folder, nuisances, luminosity=1.0, poisson=True):
    """The folder of a run of examples/offshell_higgs with exact ratios."""
    folder = pathlib.Path(folder)
    if not (folder / "results.json").is_file():
        flags = ["--truth-ratios", "--events", "30000", "--integration", "30000", "--nuisances", str(nuisances), "--scan", "5",
                 "--luminosity", str(luminosity), "--output", str(folder)] + (["--poisson"] if poisson else [])
        folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([program, *flags], check=True, capture_output=True)
    return folder
