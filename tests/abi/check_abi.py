#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds exported symbols, the layout of public structs and the values of public constants against the lists beside this file.

Usage: check_abi.py BUILD [--update]. The headers, the library and the lists (symbols.txt, structs.txt, constants.txt) must agree: a
symbol in a header that the library does not export, an export that no header declares, a function that is declared otherwise than
recorded, and any change of a list are failures."""

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


def prototypes(texts):
    """name -> the declaration on one line, as symbols.txt keeps it."""
    found = {}
    for text in texts.values():
        for declaration, name, arguments in re.findall(r"SBI_API\s+([^;{]*?)\b(sbi_\w+)\s*\(([^;]*)\)[^;)]*;", text):
            found[name] = re.sub(r"\s+", " ", f"{declaration}{name}({arguments})")
    return found


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


def constants(texts):
    """The value of every public number: macros, and the names of the X lists. Numbers are never reused or changed."""
    macros = subprocess.run(["gcc", "-dM", "-E", f"-I{ROOT / 'include'}", str(ROOT / "include" / "sbi" / "sbi.h")],
                            check=True, capture_output=True, text=True).stdout
    names = set(re.findall(r"^#define (SBI_\w+) \(?-?[\d.]+\w*\)?$", macros, re.M))
    for text in texts.values():
        names.update(re.findall(r"\bX\((SBI_\w+), *-?\d+,", text))
    # What a release changes by itself.
    names = {n for n in names if not n.startswith("SBI_VERSION_")}
    return printed([f'printf("{n} %.17g\\n", (double)({n}));' for n in sorted(names)])


def layout(found):
    lines = []
    for name, members in sorted(found.items()):
        lines.append(f'printf("{name} size %zu\\n", sizeof({name}));')
        for member in members:
            lines.append(f'printf("{name}.{member} %zu %zu\\n", offsetof({name}, {member}), sizeof((({name} *)0)->{member}));')
    return printed(lines)


def printed(statements):
    """What a program of these statements prints."""
    lines = ["#include <stddef.h>", "#include <stdio.h>", '#include "sbi/sbi.h"', "int main(void) {", *statements, "return 0; }"]
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
    declarations, numbers = prototypes(texts), constants(texts)
    bad += [f"cannot read the declaration of {x}" for x in sorted(names - set(declarations))]
    bad += compare("symbols.txt", "".join(f"{declarations.get(x, x)}\n" for x in sorted(symbols)), update)
    bad += compare("structs.txt", layout(structs(texts)), update)
    bad += compare("constants.txt", numbers, update)
    print("\n".join(bad) if bad else f"abi: {len(symbols)} functions, {len(structs(texts))} structs and "
          f"{len(numbers.splitlines())} constants as recorded")
    if bad:
        print("if the change is meant: make abi-update, and say so in CHANGELOG.md")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
