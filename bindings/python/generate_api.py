#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes sbi/_api.py, the ctypes interface, from include/sbi/*.h.

Usage: generate_api.py > sbi/_api.py. The result is committed, so that installing the package needs no headers; a test
generates it anew and compares, and holds struct sizes against the compiler's."""

import pathlib
import re
import sys

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include" / "sbi"

PLAIN = {
    "sbi_status": "c_int32", "sbi_var": "c_int32", "sbi_events": "c_int32", "int32_t": "c_int32", "uint32_t": "c_uint32",
    "int64_t": "c_int64", "uint64_t": "c_uint64", "size_t": "c_size_t", "double": "c_double", "uint8_t": "c_uint8",
    "char": "c_char", "int": "c_int", "float": "c_float",
}

HEAD = '''# SPDX-License-Identifier: Apache-2.0
# Made by generate_api.py from include/sbi/*.h; do not edit.
"""The C interface of libsbi: constants, structs, callback types and the signature of every function."""

from ctypes import CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint8, c_uint32
from ctypes import c_uint64, c_void_p

from ._library import lib
'''


def camel(name):
    return "".join(part.capitalize() for part in name.removeprefix("sbi_").split("_"))


def strip(text):
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    return text.replace("\\\n", " ")


class Headers:
    def __init__(self):
        texts = [strip(p.read_text()) for p in sorted(INCLUDE.glob("*.h"))]
        self.text = "\n".join(texts)
        self.callbacks = {
            name: (result, arguments)
            for result, name, arguments in re.findall(r"typedef ([\w ]+?\**) ?\(\*(sbi_\w+)\)\((.*?)\);", self.text, re.S)
        }
        self.structs = dict(
            (name, body) for name, body in re.findall(r"typedef struct (sbi_\w+) \{(.*?)\} \1;", self.text, re.S)
        )
        self.defines = re.findall(r"^[ \t]*#define (SBI_\w+) +(\(?-?[\d.]+u?\)?)[ \t]*$", self.text, re.M)
        self.lists = re.findall(r"\bX\((SBI_\w+), *(-?\d+),", self.text)

    def ctype(self, declaration):
        """The ctypes expression of a C type without a name."""
        declaration = " ".join(declaration.replace("*", " * ").split())
        words = [w for w in declaration.split() if w != "const"]
        stars = words.count("*")
        base = " ".join(w for w in words if w not in ("*", "struct"))
        if base in self.callbacks:
            return camel(base)
        if base == "void":
            return "None" if not stars else "POINTER(c_void_p)" if stars > 1 else "c_void_p"
        if base == "char" and stars:
            # Without const it is a buffer, or memory that goes back to the library, so its address is kept.
            if "const" not in declaration:
                return "c_void_p" if stars == 1 else "POINTER(c_void_p)"
            return "c_char_p" if stars == 1 else "POINTER(c_char_p)"
        if base in PLAIN:
            return PLAIN[base] if not stars else f"POINTER({PLAIN[base]})"
        if base in self.structs:
            return camel(base) if not stars else f"POINTER({camel(base)})" if stars == 1 else "POINTER(c_void_p)"
        if not re.fullmatch(r"sbi_\w+", base) or not stars:
            raise SystemExit(f"unknown type: {declaration}")
        return "c_void_p" if stars == 1 else "POINTER(c_void_p)"

    def arguments(self, text):
        out = []
        depth = 0
        part = ""
        for c in text + ",":
            depth += c == "("
            depth -= c == ")"
            if c == "," and depth == 0:
                out.append(part.strip())
                part = ""
            else:
                part += c
        types = []
        for argument in out:
            if argument in ("", "void"):
                continue
            inline = re.fullmatch(r"([\w ]+?\**) ?\(\*\w*\)\((.*)\)", argument, re.S)
            if inline:
                types.append("c_void_p")
                continue
            array = re.search(r"\[[^\]]*\]$", argument)
            argument = argument[: array.start()] + " *" if array else argument
            named = re.fullmatch(r"(.*?[\s*])(\w+)(\s*\*)?", argument, re.S)
            types.append(self.ctype((named.group(1) + (named.group(3) or "")) if named else argument))
        return types

    def callback(self, result, arguments):
        return f"CFUNCTYPE({', '.join([self.ctype(result), *self.arguments(arguments)])})"

    def length(self, text):
        known = dict(self.defines)
        return eval(text, {"__builtins__": {}}, {k: int(v.strip("()u")) for k, v in known.items() if "." not in v})

    def fields(self, body):
        out = []
        for declaration in body.split(";"):
            declaration = " ".join(declaration.split())
            if not declaration:
                continue
            pointer = re.fullmatch(r"([\w ]+?\**) ?\(\*(\w+)\)\((.*)\)", declaration)
            if pointer:
                out.append((pointer.group(2), self.callback(pointer.group(1), pointer.group(3))))
                continue
            base, names = re.fullmatch(r"((?:const )?(?:struct )?\w+(?: const\b)?) ?(.*)", declaration).groups()
            for name in names.split(","):
                stars, name, array = re.fullmatch(r"\s*((?:\*|\bconst\b|\s)*)(\w+)\s*(\[.*\])?\s*", name).groups()
                kind = self.ctype(base + " " + stars)
                if array:
                    kind = f"{kind} * {self.length(array[1:-1])}"
                out.append((name, kind))
        return out

    def in_order(self):
        """Structs, those that others hold or point to first."""
        done, begun = [], set()

        def visit(name):
            if name in begun:
                return
            begun.add(name)
            for other in re.findall(r"\bsbi_\w+\b", self.structs[name]):
                if other in self.structs:
                    visit(other)
            done.append(name)

        for name in self.structs:
            visit(name)
        return done

    def functions(self):
        for result, name, arguments in re.findall(r"SBI_API ([\w ]+?\**) ?(sbi_\w+)\((.*?)\);", self.text, re.S):
            yield name, self.ctype(result), self.arguments(arguments)


def main(out):
    h = Headers()
    out.write(HEAD + "\n")
    for name, value in h.defines + h.lists:
        if name.startswith("SBI_VERSION_M") or name.startswith("SBI_VERSION_P"):
            continue
        out.write(f"{name.removeprefix('SBI_')} = {value.strip('()u')}\n")
    out.write("STATUS_NAMES = {" + ", ".join(f"{v}: \"{n}\"" for n, v in h.lists if n.startswith(("SBI_ERR", "SBI_OK"))) + "}\n\n")
    early = [n for n in h.callbacks if not any(s in h.callbacks[n][1] for s in h.structs)]
    for name in early:
        out.write(f"{camel(name)} = {h.callback(*h.callbacks[name])}\n")
    for name in h.in_order():
        out.write(f"\n\nclass {camel(name)}(Structure):\n    _fields_ = [\n")
        for member, kind in h.fields(h.structs[name]):
            out.write(f'        ("{member}", {kind}),\n')
        out.write("    ]\n")
    out.write("\n\n")
    for name in h.callbacks:
        if name not in early:
            out.write(f"{camel(name)} = {h.callback(*h.callbacks[name])}\n")
    out.write("\n\ndef _declare(name, result, *arguments):\n    function = getattr(lib, name)\n"
              "    function.restype = result\n    function.argtypes = arguments\n\n\n")
    for name, result, arguments in h.functions():
        out.write(f"_declare({', '.join([repr(name).replace(chr(39), chr(34)), result, *arguments])})\n")


if __name__ == "__main__":
    main(sys.stdout)
