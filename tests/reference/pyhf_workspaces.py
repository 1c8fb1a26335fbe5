# SPDX-License-Identifier: Apache-2.0
"""The workspaces of make_pyhf.py: every HistFactory modifier alone, together with others, shared, and at its corners."""

import numpy as np


def modifier(kind, name, data=None):
    return {"name": name, "type": kind, "data": data}


def normfactor(name="mu"):
    return modifier("normfactor", name)


def normsys(name, hi, lo):
    return modifier("normsys", name, {"hi": hi, "lo": lo})


def histosys(name, hi, lo):
    return modifier("histosys", name, {"hi_data": hi, "lo_data": lo})


def shapesys(name, *data):
    return modifier("shapesys", name, list(data))


def staterror(name, *data):
    return modifier("staterror", name, list(data))


def shapefactor(name):
    return modifier("shapefactor", name)


def lumi():
    return modifier("lumi", "lumi")


LUMI = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.017], "bounds": [[0.9, 1.1]], "inits": [1.0]}


def sample(name, data, *modifiers):
    return {"name": name, "data": data, "modifiers": list(modifiers)}


def channel(name, *samples):
    return {"name": name, "samples": list(samples)}


def measurement(poi="mu", *parameters, name="m"):
    return {"name": name, "config": {"poi": poi, "parameters": list(parameters)}}


def workspace(channels, observed, *measurements):
    """observed: {channel: data}; its order is the order of the observations."""
    return {
        "channels": channels,
        "observations": [{"name": name, "data": data} for name, data in observed.items()],
        "measurements": list(measurements) or [measurement()],
        "version": "1.0.0",
    }


def one(observed, *samples, parameters=(), poi="mu"):
    """One channel."""
    return workspace([channel("SR", *samples)], {"SR": observed}, measurement(poi, *parameters))


SIGNAL1 = sample("S", [5.0], normfactor())
SIGNAL2 = sample("S", [5.0, 9.5], normfactor())
SIGNAL3 = sample("S", [3.0, 7.0, 2.5], normfactor())
B2, B3 = [50.0, 52.0], [50.0, 52.0, 31.0]
DATA2, DATA3 = [53.0, 61.0], [53.0, 61.0, 34.0]


def single():
    """Each modifier alone, the signal's normfactor beside it."""
    yield "normfactor", one([55.0], SIGNAL1, sample("B", [50.0]))
    yield "normfactor_bins", one(DATA3, SIGNAL3, sample("B", B3))
    yield "normsys", one([55.0], SIGNAL1, sample("B", [50.0], normsys("k", 1.1, 0.93)))
    yield "normsys_one_sided", one([55.0, 62.0], SIGNAL2, sample("B", [50.0, 50.0], normsys("up", 1.12, 1.04), normsys("down", 0.9, 0.97)))
    yield "normsys_wide", one([55.0, 62.0], SIGNAL2, sample("B", [50.0, 50.0], normsys("k", 1.9, 0.45)))
    yield "normsys_null", one([55.0], SIGNAL1, sample("B", [50.0], normsys("k", 1.0, 1.0), normsys("j", 1.05, 1.0)))
    yield "histosys", one(DATA3, SIGNAL3, sample("B", B3, histosys("h", [54.0, 50.0, 33.0], [47.0, 53.5, 29.5])))
    yield "histosys_negative", one(
        [31.0, 20.0], SIGNAL2, sample("A", [30.0, 20.0]), sample("B", [2.0, 1.0], histosys("h", [5.0, -2.5], [-1.5, 3.0])))
    yield "histosys_one_sided", one(DATA2, SIGNAL2, sample("B", B2, histosys("h", [54.0, 56.0], [52.0, 52.0])))
    yield "shapesys", one(DATA3, SIGNAL3, sample("B", B3, shapesys("u", 5.0, 7.2, 2.5)))
    yield "shapesys_zero_uncertainty", one(DATA3, SIGNAL3, sample("B", B3, shapesys("u", 5.0, 0.0, 2.5)))
    yield "shapesys_zero_nominal", one([5.0, 61.0, 34.0], SIGNAL3, sample("B", [0.0, 52.0, 31.0], shapesys("u", 1.0, 7.0, 2.5)))
    yield "shapefactor", one(DATA3, SIGNAL3, sample("B", B3, shapefactor("free")))
    yield "staterror", one(DATA3, SIGNAL3, sample("B", B3, staterror("mc", 2.0, 3.5, 1.5)))
    yield "staterror_samples", one(
        [93.0, 81.0, 44.0], SIGNAL3, sample("B", B3, staterror("mc", 2.0, 3.5, 1.5)),
        sample("C", [40.0, 20.0, 10.0], staterror("mc", 1.0, 2.5, 0.5)), sample("D", [3.0, 2.0, 1.0]))
    yield "staterror_zero_uncertainty", one(DATA3, SIGNAL3, sample("B", B3, staterror("mc", 2.0, 0.0, 1.5)))
    yield "staterror_zero_nominal", one([53.0, 9.0, 34.0], SIGNAL3, sample("B", [50.0, 0.0, 31.0], staterror("mc", 2.0, 1.0, 1.5)))
    yield "lumi", one(DATA3, sample("S", [3.0, 7.0, 2.5], normfactor(), lumi()), sample("B", B3, lumi()), parameters=[LUMI])


def together():
    """Several modifiers, shared over samples and channels."""
    yield "normsys_histosys_one_name", one(
        DATA2, SIGNAL2, sample("B", B2, normsys("JES", 1.05, 0.96), histosys("JES", [48.0, 55.0], [51.5, 50.0])))
    yield "normsys_shared_by_samples", one(
        [93.0, 81.0], sample("S", [5.0, 9.5], normfactor(), normsys("JES", 1.08, 0.94)), sample("B", B2, normsys("JES", 0.97, 1.05)),
        sample("C", [35.0, 20.0], normsys("JES", 1.01, 0.98), normsys("JER", 1.2, 0.85)))
    yield "histosys_shared_by_channels", workspace(
        [channel("SR", SIGNAL2, sample("B", B2, histosys("JES", [53.0, 50.0], [48.0, 53.0]))),
         channel("CR", sample("B", [150.0], histosys("JES", [144.0], [157.0])))], {"SR": DATA2, "CR": [148.0]})
    yield "normsys_here_histosys_there", workspace(
        [channel("SR", SIGNAL2, sample("B", B2, normsys("JES", 1.03, 0.96))),
         channel("CR", sample("B", [150.0], histosys("JES", [144.0], [157.0]), normsys("CRonly", 1.1, 0.9)))],
        {"CR": [148.0], "SR": DATA2})
    yield "normfactor_shared_by_channels", workspace(
        [channel("SR", SIGNAL2, sample("B", B2, normfactor("kB"))),
         channel("CR", sample("B", [150.0], normfactor("kB")), sample("C", [12.0], normsys("xs", 1.3, 0.7)))], {"SR": DATA2, "CR": [148.0]})
    yield "shapefactor_data_driven", workspace(
        [channel("SR", SIGNAL2, sample("QCD", [1.0, 1.0], shapefactor("shape"))),
         channel("CR", sample("QCD", [4.0, 4.0], shapefactor("shape"), normfactor("transfer")))], {"SR": [9.0, 14.0], "CR": [21.0, 30.0]},
        measurement("mu", {"name": "shape", "inits": [4.0, 5.0], "bounds": [[0.0, 50.0], [0.0, 50.0]]},
                    {"name": "transfer", "inits": [1.1], "bounds": [[0.5, 2.0]]}))
    yield "staterror_each_channel", workspace(
        [channel("SR", SIGNAL2, sample("B", B2, staterror("mc_SR", 3.0, 2.0))),
         channel("CR", sample("B", [150.0], staterror("mc_CR", 6.0)), sample("C", [15.0], staterror("mc_CR", 2.0)))],
        {"SR": DATA2, "CR": [158.0]})
    yield "staterror_many_channels_one_name", workspace(
        [channel("SR", SIGNAL2, sample("B", B2, staterror("mc", 3.0, 2.0))), channel("CR", sample("B", [150.0], staterror("mc", 6.0)))],
        {"SR": DATA2, "CR": [158.0]})
    yield "shapesys_two_samples", one(
        [93.0, 81.0], SIGNAL2, sample("B", B2, shapesys("uB", 5.0, 6.0)), sample("C", [35.0, 20.0], shapesys("uC", 3.0, 4.5)))
    yield "shapesys_normfactor_one_sample", one(
        DATA2, SIGNAL2, sample("B", B2, shapesys("u", 5.0, 6.0), normfactor("kB"), normsys("xs", 1.06, 0.95)))
    yield "every_modifier", workspace(
        [channel("SR", sample("S", [3.0, 7.0, 2.5], normfactor(), lumi(), normsys("JES", 1.04, 0.97),
                              histosys("JES", [3.1, 7.2, 2.4], [2.8, 6.9, 2.6])),
                 sample("B", B3, lumi(), histosys("JER", [52.0, 50.0, 32.0], [49.0, 53.0, 30.5]), staterror("mc", 2.0, 2.5, 1.5),
                        normsys("JES", 0.98, 1.03)),
                 sample("C", [12.0, 8.0, 6.0], shapesys("u", 2.0, 1.5, 2.5), staterror("mc", 0.5, 0.4, 0.3)),
                 sample("QCD", [1.0, 1.0, 1.0], shapefactor("free"))),
         channel("CR", sample("B", [200.0, 180.0], lumi(), normfactor("kB"), normsys("JES", 1.02, 0.99),
                              histosys("JER", [195.0, 184.0], [204.0, 177.0])))],
        {"SR": [72.0, 70.0, 41.0], "CR": [210.0, 171.0]}, measurement("mu", LUMI, {"name": "free", "inits": [2.0, 2.0, 2.0]}))
    yield "many_on_one_sample", one(
        [58.0, 61.0],
        sample("B", B2, normfactor(), normfactor("k2"), normsys("a", 1.1, 0.9), normsys("b", 1.02, 0.97),
               histosys("c", [52.0, 51.0], [49.0, 54.0]), histosys("d", [50.5, 53.0], [49.0, 51.0]), staterror("mc", 2.0, 2.5),
               shapesys("u", 4.0, 3.0), shapefactor("f"), lumi()), parameters=[LUMI])
    yield "several_normfactors", one(
        [53.0, 61.0, 40.0], sample("ggF", [3.0, 7.0, 2.5], normfactor("mu_ggF"), normfactor("mu")),
        sample("VBF", [1.0, 2.0, 4.5], normfactor("mu_VBF"), normfactor("mu")), sample("VH", [0.5, 0.5, 1.5], normfactor("mu_VH")),
        sample("B", B3, normsys("xs", 1.05, 0.95)), poi="mu_VBF")
    yield "correlated_background", one(DATA2, SIGNAL2, sample("B", B2, histosys("correlated_bkg_uncertainty", [53.0, 55.0], [47.0, 49.0])))
    yield "uncorrelated_background", one(DATA2, SIGNAL2, sample("B", B2, shapesys("uncorr_bkguncrt", 3.0, 7.0)))


def data():
    """Observations and bins at the corners."""
    yield "zero_observed", one(
        [0.0, 0.0, 0.0], sample("S", [1.0, 0.5, 0.2], normfactor()),
        sample("B", [1.5, 0.7, 0.3], normsys("k", 1.2, 0.8), staterror("mc", 0.2, 0.1, 0.1)))
    yield "zero_observed_in_one_channel", workspace(
        [channel("SR", SIGNAL2, sample("B", [1.0, 0.5], shapesys("u", 0.3, 0.4))), channel("CR", sample("B", [15.0], normsys("k", 1.1, 0.9)))],
        {"SR": [0.0, 0.0], "CR": [12.0]})
    yield "zero_bins", one(
        [0.0, 61.0, 3.0], sample("S", [0.0, 7.0, 2.5], normfactor()),
        sample("B", [0.0, 52.0, 0.0], normsys("k", 1.1, 0.9), histosys("h", [0.0, 55.0, 0.0], [0.0, 50.0, 0.0])),
        sample("C", [0.0, 0.0, 0.0], normsys("k", 1.3, 0.7)))
    yield "zero_nominal_histosys", one(
        [4.0, 61.0], sample("S", [2.0, 7.0], normfactor()),
        sample("B", [0.0, 52.0], histosys("h", [1.5, 55.0], [0.4, 50.0]), staterror("mc", 0.0, 2.0)), sample("C", [2.0, 3.0]))
    yield "non_integer_data", one(
        [53.7, 61.25, 0.4], sample("S", [3.0, 7.0, 0.5], normfactor()),
        sample("B", [50.0, 52.0, 0.6], normsys("k", 1.1, 0.9), shapesys("u", 5.5, 4.5, 0.25)))
    # Not more: n ln(lambda) - lambda itself rounds at 1e-16 n ln(n).
    yield "large_counts", one(
        [1.0031e5, 2.498e4], sample("S", [5.0e2, 3.0e2], normfactor()),
        sample("B", [1.0e5, 2.45e4], normsys("k", 1.01, 0.992), staterror("mc", 200.0, 120.0)))
    yield "small_counts", one(
        [1.0, 0.0], sample("S", [0.02, 0.011], normfactor()), sample("B", [0.03, 0.004], normsys("k", 1.5, 0.6), shapesys("u", 0.01, 0.003)))
    yield "no_modifiers_but_one", one([7.0], sample("B", [5.0]), sample("C", [1.0]), sample("S", [1.5], normfactor()))


def parameters():
    """What a measurement may say."""
    yield "inits_bounds_fixed", one(
        DATA2, SIGNAL2, sample("B", B2, normsys("k", 1.1, 0.9), normsys("j", 1.05, 0.96), histosys("h", [52.0, 51.0], [49.0, 54.0])),
        parameters=[{"name": "mu", "inits": [0.3], "bounds": [[-2.0, 4.0]]}, {"name": "k", "inits": [0.25], "bounds": [[-3.0, 3.0]]},
                    {"name": "j", "inits": [-0.5], "fixed": True}])
    yield "auxdata", one(
        DATA2, SIGNAL2, sample("B", B2, normsys("k", 1.1, 0.9), histosys("h", [52.0, 51.0], [49.0, 54.0]), staterror("mc", 3.0, 2.0),
                               shapesys("u", 5.0, 4.0)),
        parameters=[{"name": "k", "auxdata": [0.4]}, {"name": "h", "auxdata": [-0.3]}, {"name": "mc", "auxdata": [1.02, 0.97]},
                    {"name": "u", "auxdata": [90.0, 180.0]}])
    yield "lumi_moved", one(
        DATA2, sample("S", [5.0, 9.5], normfactor(), lumi()), sample("B", B2, lumi(), normsys("k", 1.03, 0.98)),
        parameters=[{"name": "lumi", "auxdata": [139.0], "sigmas": [2.3], "bounds": [[120.0, 160.0]], "inits": [138.5]}])
    yield "gammas_inits_bounds", one(
        DATA2, SIGNAL2, sample("B", B2, staterror("mc", 3.0, 2.0)), sample("C", [5.0, 2.0], shapesys("u", 1.0, 0.5)),
        parameters=[{"name": "mc", "inits": [1.1, 0.9], "bounds": [[0.5, 1.5], [0.2, 2.0]]}, {"name": "u", "inits": [0.95, 1.2], "fixed": False}])
    yield "several_measurements", workspace(
        [channel("SR", SIGNAL2, sample("B", B2, normfactor("kB"), normsys("k", 1.1, 0.9)))], {"SR": DATA2}, measurement("mu", name="nominal"),
        measurement("kB", {"name": "mu", "inits": [0.0], "fixed": True}, {"name": "k", "auxdata": [0.2]}, name="background"))
    yield "no_poi", workspace(
        [channel("CR", sample("B", B2, normfactor("kB"), normsys("k", 1.1, 0.9), staterror("mc", 2.0, 3.0)))], {"CR": DATA2}, measurement(""))
    yield "nothing_free_but_nuisances", workspace(
        [channel("VR", sample("B", B2, normsys("k", 1.1, 0.9), histosys("h", [53.0, 51.0], [49.0, 52.5])))], {"VR": DATA2}, measurement(""))
    yield "signed_normfactor", one(
        [40.0, 41.0], SIGNAL2, sample("I", [-2.0, 3.0], normfactor("kI")), sample("B", B2, normsys("k", 1.1, 0.9)),
        parameters=[{"name": "mu", "inits": [-0.5], "bounds": [[-3.0, 3.0]]}, {"name": "kI", "bounds": [[-2.0, 2.0]]}])
    yield "names", workspace(
        [channel("SR [1] / é", sample("signal (x 10)", [5.0, 9.5], normfactor("μ")),
                 sample("bkg #1", B2, normsys("alpha JES,η", 1.1, 0.9), staterror("stat: SR", 2.0, 2.5)))],
        {"SR [1] / é": DATA2}, measurement("μ"))


def gaussian_bins(rng, bins, total):
    x = np.linspace(-2, 2, bins)
    shape = np.exp(-0.5 * (x - rng.uniform(-1, 1)) ** 2 / rng.uniform(0.5, 3.0)) + 0.1
    return total * shape / shape.sum()


def rounded(x, digits=4):
    return [float(f"{v:.{digits}g}") for v in x]


def random_workspace(seed, n_channels, n_bins, n_samples, n_systematics):
    """Every modifier at random; n_bins is a number or one for each channel."""
    rng = np.random.default_rng(seed)
    n_bins = [n_bins] * n_channels if isinstance(n_bins, int) else n_bins
    names = [f"syst_{k}" for k in range(n_systematics)]
    channels, observed, config = [], {}, [LUMI]
    for c in range(n_channels):
        expected, samples = np.zeros(n_bins[c]), []
        for s in range(n_samples):
            nominal = np.array(rounded(gaussian_bins(rng, n_bins[c], rng.uniform(5, 20) if s == 0 else rng.uniform(40, 300))))
            expected += nominal
            modifiers = [lumi()] if rng.uniform() < 0.8 else []
            if s == 0:
                modifiers.append(normfactor())
            elif s <= 2:
                modifiers.append(normfactor(f"k_{s}"))
            for name in names:
                kind = rng.uniform()
                if kind < 0.55:
                    up = rng.uniform(0.9, 1.12)
                    modifiers.append(normsys(name, *rounded([up, 2 - up + rng.uniform(-0.02, 0.02)])))
                if 0.4 < kind < 0.8:
                    slope = rng.uniform(-0.06, 0.06) * np.linspace(-1, 1, n_bins[c]) + rng.uniform(-0.01, 0.01, n_bins[c])
                    modifiers.append(histosys(name, rounded(nominal * (1 + slope)), rounded(nominal * (1 - 0.9 * slope))))
            if s % 3 != 0:
                modifiers.append(staterror(f"staterror_{c}", *rounded(nominal * rng.uniform(0.02, 0.08, n_bins[c]))))
            elif s > 0:
                modifiers.append(shapesys(f"shape_{c}_{s}", *rounded(nominal * rng.uniform(0.05, 0.2, n_bins[c]))))
            rng.shuffle(modifiers)
            samples.append(sample(f"sample_{s}", nominal.tolist(), *modifiers))
        if c == n_channels - 1 and n_channels > 1:
            samples.append(sample("multijet", [2.0] * n_bins[c], shapefactor("multijet_shape")))
            config.append({"name": "multijet_shape", "inits": [1.5] * n_bins[c]})
        channels.append(channel(f"channel_{c}", *samples))
        observed[f"channel_{c}"] = [float(n) for n in rng.poisson(expected)]
    rng.shuffle(channels)
    return workspace(channels, observed, measurement("mu", *config))


def large():
    yield "thirty_bins", random_workspace(1, 1, 30, 3, 4)
    yield "five_channels_of_one_bin", random_workspace(2, 5, 1, 3, 6)
    yield "channels_of_many_lengths", random_workspace(3, 4, [1, 7, 2, 12], 3, 5)
    yield "many_systematics", random_workspace(4, 2, 3, 3, 40)
    for k in range(4):
        yield f"random_{k}", random_workspace(10 + k, 2 + k % 2, 4, 3, 5)
    for k in range(2):
        yield f"big_{k}", random_workspace(20 + k, 5, 10, 6, 12)


def all_workspaces():
    """(file name without suffix, workspace)"""
    made = [*single(), *together(), *data(), *parameters(), *large()]
    return [(f"{i + 1:02d}_{name}", spec) for i, (name, spec) in enumerate(made)]
