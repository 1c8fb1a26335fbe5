#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Table, goals and plot of the likelihood benchmark from its JSON lines.

    report.py FOLDER           writes FOLDER/table.md and FOLDER/likelihood_speed.png from FOLDER/results.jsonl
    report.py FOLDER --docs D  also D/likelihood_speed.png, and what stands between the two marks in D/performance.md
"""
import json
import pathlib
import sys

QUANTITIES = {"value": "value", "gradient": "value + gradient", "row": "one Hessian row", "rows": "10 rows", "hessian": "full Hessian"}
MARKS = "<!-- bench-likelihood: begin -->", "<!-- bench-likelihood: end -->"


def read(path):
    return [json.loads(line) for line in open(path)] if pathlib.Path(path).exists() else []


class Results:
    def __init__(self, records):
        self.records = records
        self.times = [r for r in records if r["kind"] == "time"]

    def fitting(self, **wanted):
        """Records that fit, the fastest first, at the point with all |alpha| < 1 unless another is wanted."""
        wanted.setdefault("point", "inside")
        return sorted((r for r in self.times if all(r.get(k) == v for k, v in wanted.items())), key=lambda r: r["ns_per_entry"])

    def find(self, **wanted):
        """The fastest: of columns as logarithms and as ratios, or of two ways to a Hessian."""
        return next(iter(self.fitting(**wanted)), None)

    def shown(self, **wanted):
        """For tables: what stood beside several forms of JAX was measured as often; none of the runs is the better one."""
        if wanted["library"] == "jax":
            return self.find(**wanted)
        fits = self.fitting(**wanted)
        return fits[len(fits) // 2] if fits else None

    def sizes(self):
        return sorted({r["entries"] for r in self.times})

    def machine(self):
        return next(r for r in self.records if r["kind"] == "machine")


def number(x):
    if x >= 1000:
        return f"{float(f'{x:.3g}'):,.0f}"
    return f"{x:.0f}" if x >= 99.5 else f"{x:.1f}" if x >= 9.95 else f"{x:.2f}"


def power(n):
    digits = f"{n:.0e}".split("e")
    return f"{digits[0]}e{int(digits[1])}"


# ---- goals -----------------------------------------------------------------------------------------------------------


def goals(results):
    """(text, what is needed, [(entries, ratio)], True where more is better)"""
    f64, mixed = {"library": "libsbi", "precision": "double"}, {"library": "libsbi", "precision": "mixed", "storage": "f16-log"}
    cores = max((r["threads"] for r in results.times), default=1)

    def ratio(numerator, denominator):
        pairs = []
        for n in results.sizes():
            a, b = results.find(entries=n, **numerator), results.find(entries=n, **denominator)
            if a and b:
                pairs.append((n, a["ns_per_entry"] / b["ns_per_entry"]))
        return pairs

    def against(beside, quantity, ours, extrapolated=False):
        return ratio({"library": "jax", "beside": beside, "quantity": quantity, "extrapolated": extrapolated},
                     ours | {"beside": beside, "quantity": quantity, "threads": cores})

    def own(a, b):
        return ratio(a, b)

    table = [
        ("gradient, f64: plain JAX / libsbi", 90, against("plain-f64", "gradient", f64), True),
        ("gradient, f64: tuned JAX / libsbi", 40, against("tuned-f64", "gradient", f64), True),
        ("the same, JAX with derivative rules", 40, against("rules-f64", "gradient", f64), True),
        ("gradient: tuned JAX f32 / libsbi mixed from f16", 50, against("tuned-f32", "gradient", mixed), True),
        ("the same, JAX with derivative rules", 50, against("rules-f32", "gradient", mixed), True),
        ("full Hessian, f64: rows of tuned JAX (extrapolated) / libsbi", 1500, against("tuned-f64", "hessian", f64, True), True),
        ("full Hessian, f64: all rows at once, JAX with derivative rules / libsbi", 1500, against("rules-f64", "hessian", f64), True),
    ]
    for name, precision in (("f64", f64 | {"beside": "rules-f64", "storage": "f64-log"}), ("mixed", mixed | {"beside": "rules-f32"})):
        both = precision | {"threads": cores}
        table.append((f"full Hessian / gradient, {name}", 2.5, own(both | {"quantity": "hessian"}, both | {"quantity": "gradient"}), False))
    for name, precision in (("f64", f64 | {"beside": "rules-f64", "storage": "f64-log"}), ("f16, mixed", mixed | {"beside": "rules-f32"})):
        for quantity in ("gradient", "hessian"):
            one = precision | {"quantity": quantity}
            table.append((f"{cores} threads against one, {name}, {QUANTITIES[quantity]}", 1.85,
                          own(one | {"threads": 1}, one | {"threads": cores}), True))
    for name in ("double", "mixed"):
        value = {"library": "libsbi", "quantity": "value", "storage": "f16-log", "precision": name, "threads": cores}
        table.append((f"share of the memory rate, value from f16, {name} (%)", 50,
                      [(n, 100 * r) for n, r in own({"library": "memory", "storage": "f16-log"}, value)], True))
    notes = [
        ("full Hessian, f64: rows of plain JAX (extrapolated) / libsbi", against("plain-f64", "hessian", f64, True)),
        ("gradient f64 / a read of the same columns", ratio(f64 | {"quantity": "gradient", "storage": "f64-log", "threads": cores, "beside": "rules-f64"},
                                                            {"library": "memory", "storage": "f64-log"})),
    ]
    return table, notes


def goal_lines(results):
    """Goals are judged at the largest size at which both sides ran; the range over all sizes stands beside."""
    table, notes = goals(results)
    lines = ["| goal | needed | at the largest size | over all sizes | |", "|---|---|---|---|---|"]
    for text, needed, ratios, more in table:
        sign = "≥" if more else "≤"
        if not ratios:
            lines.append(f"| {text} | {sign} {needed:,} | not measured | | |")
            continue
        n, last = ratios[-1]
        reached = last >= needed if more else last <= needed
        low, high = min(r for _, r in ratios), max(r for _, r in ratios)
        lines.append(f"| {text} | {sign} {needed:,} | {number(last)} ({power(n)}) | {number(low)} to {number(high)} | "
                     f"{'reached' if reached else '**missed**'} |")
    for text, ratios in notes:
        if ratios:
            n, last = ratios[-1]
            lines.append(f"| {text} | | {number(last)} ({power(n)}) | {number(min(r for _, r in ratios))} to "
                         f"{number(max(r for _, r in ratios))} | |")
    return lines


# ---- tables ----------------------------------------------------------------------------------------------------------


def subjects(results):
    """(label, filter) of each line of a table, peers first."""
    found = []
    for r in results.times:
        if r["library"] == "memory":
            key = (2, f"reading the {r['storage'].split('-')[0]} columns", "", "", r["threads"])
            wanted = {"library": "memory", "storage": r["storage"]}
        elif r["library"] == "jax":
            key = (0, "JAX " + r["variant"], r["precision"], "", r["threads"])
            wanted = {"library": "jax", "beside": r["beside"]}
        else:
            key = (1, "libsbi", r["storage"], r["precision"], r["threads"])
            wanted = {"library": "libsbi", "storage": r["storage"], "precision": r["precision"], "threads": r["threads"]}
        if key not in [k for k, _ in found]:
            found.append((key, wanted))
    order = {"JAX plain": 0, "JAX tuned": 1, "JAX rules": 2}
    found.sort(key=lambda s: (s[0][0], order.get(s[0][1], 9), -s[0][4], s[0][3], s[0][2][:3] != "f64", s[0][2]))
    for (kind, name, what, precision, threads), wanted in found:
        if kind == 1:
            label = f"libsbi, {what.replace('-', ' ')}, {precision}, {threads} thread{'s' if threads > 1 else ''}"
        else:
            label = f"{name}{', ' + what if what else ''}"
        yield label, wanted


def cell(results, quantity, wanted, entries):
    if wanted["library"] == "memory":
        r = results.shown(entries=entries, quantity="sweep", **wanted) if quantity == "value" else None
    else:
        r = results.shown(entries=entries, quantity=quantity, **wanted)
    return ("~" if r.get("extrapolated") else "") + number(r["ns_per_entry"]) if r else ""


def tables(results, sizes):
    for entries in sizes:
        yield f"{power(entries)} entries ({entries // 400:,} events), ns an entry:"
        yield ""
        yield "| | " + " | ".join(QUANTITIES.values()) + " | peak memory of the gradient, of which columns (MB) |"
        yield "|---|" + "---|" * (len(QUANTITIES) + 1)
        for label, wanted in subjects(results):
            cells = [cell(results, q, wanted, entries) for q in QUANTITIES]
            if not any(cells):
                continue
            r = results.shown(entries=entries, quantity="gradient", **wanted)
            peak = f"{number(r['peak_mb'])}, {number(r['columns_mb'])}" if r and r.get("peak_mb") else ""
            yield f"| {label} | " + " | ".join(cells) + f" | {peak} |"
        yield ""


def points_table(results):
    lines = ["| | entries | all \\|α\\| < 1 | eight \\|α\\| > 1 |", "|---|---|---|---|"]
    for label, wanted in subjects(results):
        for quantity in ("gradient", "hessian"):
            extra = {"extrapolated": False}
            both = [n for n in results.sizes() if results.find(entries=n, quantity=quantity, point="outside", **extra, **wanted)]
            if both:
                pair = [results.shown(entries=both[-1], quantity=quantity, point=p, **extra, **wanted) for p in ("inside", "outside")]
                if all(pair):
                    lines.append(f"| {label}, {QUANTITIES[quantity]} | {power(both[-1])} | " + " | ".join(number(r["ns_per_entry"]) for r in pair) + " |")
    return lines if len(lines) > 2 else []


def notes(results):
    worst = {}
    for r in results.times:
        if r.get("deviation") is not None:
            key = (r["beside"].split("-")[1], r["storage"], r["precision"])
            worst[key] = max(worst.get(key, 0), r["deviation"])
    lines = []
    if worst:
        text = "; ".join(f"JAX {j}, libsbi {s} {p}: {d:.1e}" for (j, s, p), d in sorted(worst.items()))
        lines += [f"Largest deviation between the two libraries, relative to the largest element, over all sizes and quantities: {text}.", ""]
    for r in results.records:
        if r["kind"] == "tuning":
            text = "; ".join(f"{q}: {s['block']} events a block, {s['devices']} device{'s' if s['devices'] > 1 else ''}, product by {s['product']}"
                             for q, s in r["settings"].items())
            lines.append(f"- JAX {r['beside']}: {text}")
    skips = {}
    for r in results.records:
        if r["kind"] == "skip":
            skips.setdefault((r["beside"], r["quantity"], r["reason"].split(",")[0]), []).append(r)
    lines += [f"- left out, {b} at {', '.join(power(r['entries']) for r in rs)}, {q}: {rs[-1]['reason']}" for (b, q, _), rs in skips.items()]
    lines += [f"- **disagreement**, {r['beside']} at {power(r['entries'])}, {r['quantity']}, {r['storage']} {r['precision']}: {r['deviation']:.1e}"
              for r in results.records if r["kind"] == "disagreement"]
    return lines


def text(results, sizes):
    m = results.machine()
    head = [f"{m['machine']}; jax {m['jax']}, jaxlib {m['jaxlib']}; commit {m['commit']}, {m['date']}, load average at the start {m['load']:.1f}.", ""]
    points = points_table(results)
    return "\n".join(head + goal_lines(results) + [""] + list(tables(results, sizes)) + points + ([""] if points else []) + notes(results)) + "\n"


# ---- plot ------------------------------------------------------------------------------------------------------------


def plot(results, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    cores = max(r["threads"] for r in results.times)
    ours = {"library": "libsbi", "threads": cores}
    lines = [
        ("JAX plain, f64", {"library": "jax", "beside": "plain-f64"}, "#b03a2e", "o", "-"),
        ("JAX plain, f32", {"library": "jax", "beside": "plain-f32"}, "#b03a2e", "o", ":"),
        ("JAX tuned, f64", {"library": "jax", "beside": "tuned-f64"}, "#d68910", "s", "-"),
        ("JAX tuned, f32", {"library": "jax", "beside": "tuned-f32"}, "#d68910", "s", ":"),
        ("JAX with derivative rules, f64", {"library": "jax", "beside": "rules-f64"}, "#7d6608", "v", "-"),
        ("JAX with derivative rules, f32", {"library": "jax", "beside": "rules-f32"}, "#7d6608", "v", ":"),
        ("libsbi, f64 columns, double", ours | {"storage": "f64-log", "precision": "double"}, "#1f618d", "D", "-"),
        ("libsbi, f16 columns, double", ours | {"storage": "f16-log", "precision": "double"}, "#1f618d", "D", "--"),
        ("libsbi, f16 columns, mixed", ours | {"storage": "f16-log", "precision": "mixed"}, "#148f77", "^", ":"),
    ]
    panels = {"value": "value", "gradient": "value and gradient", "row": "one Hessian row", "hessian": "full 101 × 101 Hessian"}
    figure, axes = plt.subplots(2, 2, figsize=(10, 8), sharex=True, layout="constrained")
    for axis, (quantity, title) in zip(axes.flat, panels.items()):
        for label, wanted, colour, marker, style in lines:
            found = [results.shown(entries=n, quantity=quantity, **wanted) for n in results.sizes()]
            found = [r for r in found if r]
            if found:
                axis.plot([r["entries"] for r in found], [1e-9 * r["ns_per_entry"] * r["entries"] for r in found], style, color=colour,
                          marker=marker, markersize=5, linewidth=1.4, markerfacecolor="white" if found[0]["extrapolated"] else colour,
                          label=label if not found[0]["extrapolated"] else None)
        if quantity == "hessian":
            axis.plot([], [], "o", color="#555555", markerfacecolor="white", label="open: extrapolated from rows")
        else:
            for storage, style in (("f64-log", "-"), ("f16-log", "--")):
                found = [results.shown(entries=n, library="memory", storage=storage) for n in results.sizes()]
                found = [r for r in found if r]
                if found and quantity == "value":
                    axis.plot([r["entries"] for r in found], [1e-9 * r["ns_per_entry"] * r["entries"] for r in found], style, color="#999999",
                              linewidth=1, label=f"reading the {storage[:3]} columns")
        axis.set(xscale="log", yscale="log", title=title)
        axis.grid(True, which="major", color="#dddddd", linewidth=0.6)
        axis.set_axisbelow(True)
    for axis in axes[1]:
        axis.set_xlabel("entries = events × 4 processes × 100 nuisance parameters")
    for axis in axes[:, 0]:
        axis.set_ylabel("seconds")
    handles = {label: h for axis in axes.flat for h, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    m = results.machine()
    figure.suptitle(f"One evaluation of the unbinned likelihood\n{m['machine']}; jax {m['jax']}", fontsize=11)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write(records, folder):
    results = Results(records)
    if not results.times:
        return
    (folder / "table.md").write_text(text(results, results.sizes()))
    plot(results, folder / "likelihood_speed.png")
    print((folder / "table.md").read_text())
    print(f"table: {folder / 'table.md'}  plot: {folder / 'likelihood_speed.png'}  figures: {folder / 'results.jsonl'}")


def write_docs(results, docs):
    """The section of performance.md: goals, the smallest and largest size and one between, the plot."""
    page = docs / "performance.md"
    before, _, rest = page.read_text().partition(MARKS[0])
    _, found, after = rest.partition(MARKS[1])
    if not found:
        sys.exit(f"report.py: {page} lacks the marks {MARKS}")
    sizes = results.sizes()
    chosen = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]})
    page.write_text(f"{before}{MARKS[0]}\n{text(results, chosen)}\n![seconds against entries](likelihood_speed.png)\n{MARKS[1]}{after}")
    plot(results, docs / "likelihood_speed.png")


def main():
    if len(sys.argv) not in (2, 4) or len(sys.argv) == 4 and sys.argv[2] != "--docs":
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    results = Results(read(folder / "results.jsonl"))
    if not results.times:
        sys.exit(f"report.py: nothing measured in {folder / 'results.jsonl'}")
    write(results.records, folder)
    if len(sys.argv) == 4:
        write_docs(results, pathlib.Path(sys.argv[3]))


if __name__ == "__main__":
    main()
