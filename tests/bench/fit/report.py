#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Table, goals and plot of the fit benchmark from its JSON lines.

    report.py FOLDER           writes FOLDER/table.md and FOLDER/fit_speed.png from FOLDER/results.jsonl
    report.py FOLDER --docs D  also D/fit_speed.png, and what stands between the two marks in D/performance.md
"""
import json
import pathlib
import sys

MARKS = "<!-- bench-fit: begin -->", "<!-- bench-fit: end -->"
ENGINES = {"numpy": "iminuit, numpy function", "jax-value": "iminuit, JAX-jit value", "jax-gradient": "iminuit, JAX-jit value and gradient",
           "libsbi": "libsbi"}
GOAL, GOAL_AT = 300, (50, 100)


def read(path):
    return [json.loads(line) for line in open(path)] if pathlib.Path(path).exists() else []


def fits(records):
    return {(r["engine"], r["nuisances"]): r for r in records if r["kind"] == "fit"}


def sizes(found):
    return sorted({k for _, k in found})


def number(x):
    return f"{float(f'{x:.3g}'):,.0f}" if x >= 99.5 else f"{x:.3g}"


def difference(a, b):
    """(largest difference of a value in standard deviations, relative difference of an error, F - F of libsbi)"""
    errors = b["errors"]
    return (max(abs(x - y) / e for x, y, e in zip(a["values"], b["values"], errors)),
            max(abs(x - y) / y for x, y in zip(a["errors"], errors)), a["nll"] - b["nll"])


def agrees(records):
    """All fits are valid; no peer is deeper than libsbi, and none further up than twice the EDM that it reports."""
    found = fits(records)
    for (engine, k), r in found.items():
        if not r.get("valid", True):
            return False
        if engine != "libsbi" and "values" in r and ("libsbi", k) in found:
            rounding = 1e-13 * abs(r["nll"])
            if not -rounding <= difference(r, found["libsbi", k])[2] <= 2 * r["edm"] + rounding:
                return False
    return True


def table(found):
    lines = ["| nuisance parameters | " + " | ".join(ENGINES.values()) + " | JAX value and gradient / libsbi |", "|---" * (len(ENGINES) + 2) + "|"]
    for k in sizes(found):
        cells = []
        for engine in ENGINES:
            r = found.get((engine, k))
            if not r:
                cells.append("")
            elif engine == "libsbi":
                cells.append(f"{number(r['seconds'])} ({r['hessians']} Hessians, {r['gradients']} gradients, {r['calls']} values)")
            else:
                calls = f"{r['calls']:,} + {r['gradients']}" if engine == "jax-gradient" else f"{r['calls']:,}"
                cells.append(("~" if r["extrapolated"] else "") + f"{number(r['seconds'])} ({calls})")
        pair = found.get(("jax-gradient", k)), found.get(("libsbi", k))
        ratio = ("~" if pair[0]["extrapolated"] else "") + number(pair[0]["seconds"] / pair[1]["seconds"]) if all(pair) else ""
        lines.append(f"| {k} | " + " | ".join(cells) + f" | {ratio} |")
    return lines


def goals(found):
    lines = ["| goal | needed | measured | |", "|---|---|---|---|"]
    for k in GOAL_AT:
        theirs, ours = found.get(("jax-gradient", k)), found.get(("libsbi", k))
        if not (theirs and ours):
            lines.append(f"| {k} nuisance parameters: iminuit with JAX value and gradient / libsbi | ≥ {GOAL} | not measured | |")
            continue
        ratio = theirs["seconds"] / ours["seconds"]
        mark = "~" if theirs["extrapolated"] else ""
        lines.append(f"| {k} nuisance parameters: iminuit with JAX value and gradient / libsbi | ≥ {GOAL} | {mark}{number(ratio)} | "
                     f"{'reached' if ratio >= GOAL else '**missed**'} |")
    return lines


def agreement(found):
    lines = ["| nuisance parameters | fit | largest difference of a value (σ) | of an error (relative) | NLL above libsbi's | MINUIT's EDM |", "|---|---|---|---|---|---|"]
    for k in sizes(found):
        for engine, label in ENGINES.items():
            r, ours = found.get((engine, k)), found.get(("libsbi", k))
            if engine != "libsbi" and r and ours and "values" in r:
                value, error, rise = difference(r, ours)
                lines.append(f"| {k} | {label} | {value:.1e} | {error:.1e} | {rise:.1e} | {r['edm']:.1e} |")
    return lines


def text(records):
    found, m = fits(records), next(r for r in records if r["kind"] == "machine")
    calls = [f"{k}: {1e3 * found['jax-gradient', k]['value_seconds']:.3g} and {1e3 * found['jax-gradient', k]['gradient_seconds']:.3g}; "
             f"{1e3 * found['libsbi', k]['value_seconds']:.3g}, {1e3 * found['libsbi', k]['gradient_seconds']:.3g} and {1e3 * found['libsbi', k]['hessian_seconds']:.3g}"
             for k in sizes(found) if ("jax-gradient", k) in found and ("libsbi", k) in found]
    head = [f"{m['machine']}; iminuit {m['iminuit']}, jax {m['jax']}, numpy {m['numpy']}; commit {m['commit']}, {m['date']}, load average at the start "
            f"{m['load']:.1f}. Seconds of a fit (calls of the function, or of value + gradient); ~: extrapolated.", ""]
    tail = ["", "Milliseconds of a call of JAX's value and gradient; of libsbi's value, gradient and Hessian, by the number of nuisance parameters: " + "; ".join(
        f"**{c.split(':')[0]}**:{c.split(':')[1]}" for c in calls) + "."]
    return "\n".join(head + goals(found) + [""] + table(found) + [""] + agreement(found) + tail) + "\n"


def plot(records, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    found = fits(records)
    style = {"numpy": ("#b03a2e", "o"), "jax-value": ("#d68910", "s"), "jax-gradient": ("#7d6608", "v"), "libsbi": ("#1f618d", "D")}
    figure, axis = plt.subplots(figsize=(7, 5), layout="constrained")
    for engine, label in ENGINES.items():
        colour, marker = style[engine]
        points = [found[engine, k] for k in sizes(found) if (engine, k) in found]
        if not points:
            continue
        x, y = [r["nuisances"] for r in points], [r["seconds"] for r in points]
        measured = sum(not r["extrapolated"] for r in points)
        axis.plot(x[:measured], y[:measured], "-", color=colour, linewidth=1.5)
        axis.plot(x[max(measured - 1, 0):], y[max(measured - 1, 0):], "--", color=colour, linewidth=1.2)
        for r in points:
            axis.plot(r["nuisances"], r["seconds"], marker, color=colour, markersize=6, markerfacecolor="white" if r["extrapolated"] else colour)
        axis.plot([], [], "-", marker=marker, color=colour, label=label)
    axis.plot([], [], "o--", color="#555555", markerfacecolor="white", label="open: extrapolated, calls × time of a call")
    axis.set(xscale="log", yscale="log", xlabel="nuisance parameters", ylabel="seconds of a fit", title="20,000 events × 4 processes, per-event variations")
    axis.set_xticks(sizes(found), [str(k) for k in sizes(found)])
    axis.minorticks_off()
    axis.grid(True, which="major", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def write(records, folder):
    (pathlib.Path(folder) / "table.md").write_text(text(records))
    plot(records, pathlib.Path(folder) / "fit_speed.png")


def main(arguments):
    folder = pathlib.Path(arguments[0])
    records = read(folder / "results.jsonl")
    write(records, folder)
    if arguments[1:2] == ["--docs"]:
        docs = pathlib.Path(arguments[2])
        plot(records, docs / "fit_speed.png")
        page = (docs / "performance.md").read_text()
        begin, end = (page.index(mark) for mark in MARKS)
        (docs / "performance.md").write_text(page[:begin + len(MARKS[0])] + "\n" + text(records) + "\n![Time of a fit](fit_speed.png)\n" + page[end:])


if __name__ == "__main__":
    main(sys.argv[1:])
