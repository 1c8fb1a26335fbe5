#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every public header by itself and the umbrella, as C11 and C++11, with gcc and clang; no implicit padding in structs.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
n=0
for header in include/sbi/*.h; do
    printf '#include "sbi/%s"\n#include "sbi/%s"\n' "$(basename "$header")" "$(basename "$header")" > "$scratch/alone.c"
    cp "$scratch/alone.c" "$scratch/alone.cpp"
    for cc in gcc clang; do
        $cc -std=c11 -pedantic -Wall -Wextra -Wpadded -Werror -Iinclude -fsyntax-only "$scratch/alone.c"
        $cc -x c++ -std=c++11 -pedantic -Wall -Wextra -Wpadded -Werror -Iinclude -fsyntax-only "$scratch/alone.cpp"
        n=$((n + 2))
    done
done
# The umbrella includes each of them once.
diff <(sed -n 's/^#include "\(.*\)"/\1/p' include/sbi/sbi.h | sort) <(cd include/sbi && find . -name '*.h' ! -name sbi.h -printf '%P\n' | sort) ||
    { echo "include/sbi/sbi.h does not include every public header once"; exit 1; }
# The check sees a hole where there is one.
printf '#include <stdint.h>\ntypedef struct { uint32_t size; double x; } hole;\n' > "$scratch/alone.c"
if gcc -std=c11 -Wpadded -Werror -fsyntax-only "$scratch/alone.c" 2> /dev/null; then echo "a hole went unnoticed"; exit 1; fi
echo "headers: $n compilations alone, without a warning"
