# SPDX-License-Identifier: Apache-2.0
# Compiler, flags and libraries. From the command line: CC, OPT, CFLAGS, CPPFLAGS, LDFLAGS, SANITIZE, BLAS, BUILD.

VERSION := $(shell sed -n 's/.*SBI_VERSION_STRING "\(.*\)"/\1/p' include/sbi/version.h)
ABI := $(shell sed -n 's/.*SBI_ABI_VERSION \([0-9]*\)/\1/p' include/sbi/version.h)

CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
COMPILER := $(shell $(CC) --version 2>/dev/null | head -n 1)
IS_CLANG := $(findstring clang,$(COMPILER))

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wvla -Werror
# No contraction and no reassociation: results must not depend on the compiler's mood.
FLOATING := -ffp-contract=off -fno-math-errno
# gcc 12.2 drops the last store of: for (...) { a[k] = d; call(a); a[k] = 0; } at -O1 and above; not with this flag.
FLOATING += $(if $(IS_CLANG),,-fno-tree-dse)
OPT ?= -O2 -g
SANITIZE ?=
CPPFLAGS_ALL := -D_GNU_SOURCE -Iinclude -Ilib $(CPPFLAGS)
CFLAGS_ALL = -std=gnu11 $(OPT) $(WARNINGS) $(FLOATING) -fvisibility=hidden -fPIC -pthread $(SANITIZE) $(CFLAGS)
LDFLAGS_ALL := -pthread $(SANITIZE) $(LDFLAGS)

# openblas, mkl, blis, or any name that pkg-config knows.
BLAS ?= openblas
BLAS_PACKAGE := $(if $(filter mkl,$(BLAS)),mkl-sdl,$(BLAS))
PACKAGES := $(BLAS_PACKAGE) lapacke zlib jansson
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null || echo -l$(BLAS) -llapacke -lz -ljansson)
LIBS := $(PKG_LIBS) -lm -ldl
CHECK_LIBS := $(shell pkg-config --libs check 2>/dev/null || echo -lcheck)

# Kernels (*.isa.c) are compiled once for each instruction set and chosen at run time.
ifeq ($(shell uname -m),x86_64)
ISAS := base avx2 avx512
else
ISAS := base
endif
ISA_FLAGS_base :=
ISA_FLAGS_avx2 := -mavx2 -mfma -mf16c -mbmi2
ISA_FLAGS_avx512 := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mf16c -mbmi2 -mprefer-vector-width=512
