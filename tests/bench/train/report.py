#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Table, goals and plot of the training benchmark.

    report.py FOLDER           writes FOLDER/table.md and FOLDER/training_speed.png from FOLDER/results.json
    report.py FOLDER --docs D  also D/training_speed.png, D/training_speed.json, and what stands between the marks in D/training.md"""
import json
import pathlib
import shutil
import sys

MARKS = "<!-- bench-train: begin -->", "<!-- bench-train: end -->"


def rate(side):
    return side.get("events_per_second", side.get("events", 0) / side["seconds"] if "seconds" in side else None)


def share(r, side="libsbi"):
    return rate(r[side]) * r["flops_per_event"] / r["sgemm_flops"]


def ratio(r):
    return rate(r["libsbi"]) / rate(r["torch"]) if rate(r["libsbi"]) and rate(r["torch"]) else None


def count(x):
    return f"{x / 1e6:.2f} M" if x >= 1e6 else f"{x / 1e3:.1f} k"


def pick(results, **want):
    return [r for r in results["training"] if all(r[k] == v for k, v in want.items())]


def goals(results):
    """(what, wanted, measured), measured a number or a line that says why there is none"""
    found = []
    for r in pick(results, width=1000, precision="f32"):
        found.append((f"4 x 1000, batch {r['batch']}, f32, against PyTorch", 1.25, ratio(r)))
        found.append((f"4 x 1000, batch {r['batch']}, f32, share of SGEMM", 0.85, share(r)))
    for r in pick(results, width=64, members=50):
        found.append((f"50 members of 4 x 64, batch {r['batch']}, against PyTorch one after another", 4.0, ratio(r)))
    for r in pick(results, width=1000, precision="bf16"):
        found.append((f"4 x 1000, batch {r['batch']}, bf16, against PyTorch in bf16", 1.5, ratio(r) or r["libsbi"].get("refused")))
    for r in results["inference"]:
        found.append(("inference of 4 x 1000, share of SGEMM", 0.9, share(r)))
    return found


def state(wanted, measured):
    if not isinstance(measured, (int, float)):
        return "skipped"
    return "reached" if measured >= wanted else "missed"


def table(results):
    m = results["machine"]
    lines = [f"{m['model']}, {m['processors']} processors ({', '.join(m['instructions'])}), commit {m['commit']}.", "",
             "| hidden layers | batch | arithmetic | members | libsbi, events/s | PyTorch, events/s | ratio | share of SGEMM | loss, libsbi and PyTorch |",
             "|---|---|---|---|---|---|---|---|---|"]
    for r in results["training"]:
        head = f"| {r['depth']} x {r['width']} | {r['batch']} | {r['precision']} | {r['members']} | "
        if "refused" in r["libsbi"]:
            lines.append(head + "- | - | - | - | - |")
            continue
        lines.append(head + f"{count(rate(r['libsbi']))} | {count(rate(r['torch']))} | {ratio(r):.2f} | {share(r):.2f} | "
                     f"{r['libsbi']['loss']:.4f}, {r['torch']['loss']:.4f} |")
    for r in results["inference"]:
        lines.append(f"| {r['depth']} x {r['width']}, inference | 8192 | f32 | 1 | {count(rate(r['libsbi']))} | {count(rate(r['torch']))} | "
                     f"{ratio(r):.2f} | {share(r):.2f} | |")
    lines += ["", "| goal | wanted | measured | |", "|---|---|---|---|"]
    for what, wanted, measured in goals(results):
        text = f"{measured:.2f}" if isinstance(measured, (int, float)) else measured or "-"
        lines.append(f"| {what} | {wanted} | {text} | {state(wanted, measured)} |")
    return "\n".join(lines) + "\n"


def plot(results, path):
    try:
        import matplotlib
    except ImportError:
        print("SKIP: no matplotlib, so no plot")
        return False
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    rows = [r for r in results["training"] if rate(r["libsbi"])]
    figure, axes = plt.subplots(figsize=(8, 0.42 * len(rows) + 1.4))
    for k, r in enumerate(rows):
        a, b = rate(r["libsbi"]), rate(r["torch"])
        axes.barh(k + 0.2, b, 0.38, color="0.65", label="PyTorch" if k == 0 else None)
        axes.barh(k - 0.2, a, 0.38, color="tab:blue", label="libsbi" if k == 0 else None)
        axes.plot([r["sgemm_flops"] / r["flops_per_event"]] * 2, [k - 0.4, k + 0.4], "k-", label="at the rate of SGEMM" if k == 0 else None)
        axes.text(max(a, b) * 1.05, k, f"{a / b:.2f}", va="center")
    axes.set_yticks(range(len(rows)), [f"{r['depth']} x {r['width']}, batch {r['batch']}, {r['precision']}, {r['members']} members" for r in rows])
    axes.set_xscale("log")
    axes.set_xlabel("events per second, all members together")
    axes.invert_yaxis()
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    return True


def put_between(path, text):
    whole = path.read_text()
    first, last = whole.index(MARKS[0]) + len(MARKS[0]), whole.index(MARKS[1])
    path.write_text(whole[:first] + "\n" + text + whole[last:])


def main():
    folder = pathlib.Path(sys.argv[1])
    results = json.loads((folder / "results.json").read_text())
    text = table(results)
    (folder / "table.md").write_text(text)
    print(text)
    drawn = plot(results, folder / "training_speed.png")
    if len(sys.argv) == 4 and sys.argv[2] == "--docs":
        docs = pathlib.Path(sys.argv[3])
        shutil.copy(folder / "results.json", docs / "training_speed.json")
        if drawn:
            shutil.copy(folder / "training_speed.png", docs / "training_speed.png")
            text += "\n![Events per second of libsbi and PyTorch](training_speed.png)\n"
        put_between(docs / "training.md", text)


if __name__ == "__main__":
    main()
