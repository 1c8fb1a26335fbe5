# SPDX-License-Identifier: Apache-2.0
# Compiler flags and libraries.

VERSION := $(shell sed -n 's/.*SBI_VERSION_STRING "\(.*\)"/\1/p' include/sbi/version.h)
ABI := $(shell sed -n 's/.*SBI_ABI_VERSION \([0-9]*\)/\1/p' include/sbi/version.h)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wvla -Werror
# No contraction and no reassociation: results must not depend on the compiler's mood.
FLOATING := -ffp-contract=off -fno-math-errno
# gcc 12.2 drops the last store of: for (...) { a[k] = d; call(a); a[k] = 0; } at -O1 and above; not with this flag.
ifeq ($(findstring clang,$(CC)),)
FLOATING += -fno-tree-dse
endif
OPT ?= -O2 -g
SANITIZE ?=
CPPFLAGS_ALL := -D_GNU_SOURCE -Iinclude -Ilib
CFLAGS_ALL := -std=gnu11 $(OPT) $(WARNINGS) $(FLOATING) -fvisibility=hidden -fPIC -pthread $(SANITIZE) $(CFLAGS)
LDFLAGS_ALL := -pthread $(SANITIZE) $(LDFLAGS)

BLAS ?= openblas
PACKAGES := $(BLAS) lapacke zlib jansson
PKG_CFLAGS = $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS = $(shell pkg-config --libs $(PACKAGES) 2>/dev/null || echo -l$(BLAS) -llapacke -lz -ljansson)
LIBS = $(PKG_LIBS) -lm -ldl
CHECK_LIBS = $(shell pkg-config --libs check 2>/dev/null || echo -lcheck)

# Kernels (*.isa.c) are compiled once for each instruction set and chosen at run time.
ifeq ($(shell uname -m),x86_64)
ISAS := base avx2 avx512
else
ISAS := base
endif
ISA_FLAGS_base :=
ISA_FLAGS_avx2 := -mavx2 -mfma -mf16c -mbmi2
ISA_FLAGS_avx512 := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mf16c -mbmi2 -mprefer-vector-width=512
