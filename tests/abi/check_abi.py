#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the exported symbols and the layout of public structs against tests/abi/symbols.txt and structs.txt.

Usage: check_abi.py BUILD [--update]. The headers, the library and the lists must agree: a symbol in a header that the library
does not export, an export that no header declares, and a change of a list are all failures."""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "abi"


def strip_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def headers():
    return {p.name: strip_comments(p.read_text()) for p in sorted((ROOT / "include" / "sbi").glob("*.h"))}


def declared(texts):
    names = set()
    for text in texts.values():
        names.update(re.findall(r"SBI_API[^;{]*?\b(sbi_\w+)\s*\(", text))
    return names


def exported(build):
    out = subprocess.run(["nm", "-D", "--defined-only", str(build / "libsbi.so")], check=True, capture_output=True, text=True)
    return {line.split()[2].split("@")[0] for line in out.stdout.splitlines() if line.split()[1] in "TDBRVW"}


def structs(texts):
    """name -> members, of every struct with a body."""
    found = {}
    for text in texts.values():
        for name, body in re.findall(r"typedef struct (sbi_\w+) \{(.*?)\} \1;", text, re.S):
            members = []
            for declaration in body.split(";"):
                declaration = declaration.strip()
                pointer = re.search(r"\(\*\s*(\w+)\)", declaration)
                if pointer:
                    members.append(pointer.group(1))
                elif declaration:
                    for part in declaration.split(","):
                        members.append(re.search(r"(\w+)\s*(\[[^\]]*\])*\s*$", part).group(1))
            found[name] = members
    return found


def layout(found):
    lines = ["#include <stddef.h>", "#include <stdio.h>", '#include "sbi/sbi.h"', "int main(void) {"]
    for name, members in sorted(found.items()):
        lines.append(f'printf("{name} size %zu\\n", sizeof({name}));')
        for member in members:
            lines.append(f'printf("{name}.{member} %zu %zu\\n", offsetof({name}, {member}), sizeof((({name} *)0)->{member}));')
    lines.append("return 0; }")
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "layout.c"
        source.write_text("\n".join(lines))
        subprocess.run(["gcc", f"-I{ROOT / 'include'}", str(source), "-o", f"{folder}/layout"], check=True)
        return subprocess.run([f"{folder}/layout"], check=True, capture_output=True, text=True).stdout


def compare(name, now, update):
    path = HERE / name
    if update:
        path.write_text(now)
        return []
    before = set(path.read_text().splitlines())
    lines = set(now.splitlines())
    return [f"{name}: gone: {x}" for x in sorted(before - lines)] + [f"{name}: new: {x}" for x in sorted(lines - before)]


def main():
    build, update = pathlib.Path(sys.argv[1]), "--update" in sys.argv
    texts = headers()
    names, symbols = declared(texts), exported(build)
    bad = [f"declared but not exported: {x}" for x in sorted(names - symbols)]
    bad += [f"exported but not declared: {x}" for x in sorted(symbols - names)]
    bad += compare("symbols.txt", "".join(f"{x}\n" for x in sorted(symbols)), update)
    bad += compare("structs.txt", layout(structs(texts)), update)
    print("\n".join(bad) if bad else f"abi: {len(symbols)} symbols and {len(structs(texts))} structs as recorded")
    if bad:
        print("if the change is meant: make abi-update, and say so in CHANGELOG.md")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
