# SPDX-License-Identifier: Apache-2.0
# libsbi: `make help` lists the targets. Everything that is built goes under $(BUILD).
#   mk/config.mk   compiler, flags, libraries      mk/tests.mk    tests, sanitizers, fuzzers, benchmarks
#   mk/library.mk  objects, library, programs      mk/install.mk  install, uninstall, dist
#   mk/grid.mk     libsbi-grid.so, stores and clusters
#   mk/cuda.mk     libsbi-cuda.so, and its sources on the host      mk/gpu.mk      tests and benchmarks on a real device

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.SUFFIXES:
.DELETE_ON_ERROR:

BUILD ?= build
prefix ?= /usr/local

AFTER_DEPS := $(if $(filter deps,$(MAKECMDGOALS)),$(filter-out deps,$(MAKECMDGOALS)))
ifneq ($(AFTER_DEPS),)
# `make deps check`: install first, in parallel with nothing, then read all this anew, with the compiler and pkg-config there.
.PHONY: deps $(AFTER_DEPS)
deps:
	@scripts/install-deps.sh $(BUILD)
	@scripts/install-cuda.sh $(BUILD)
$(firstword $(AFTER_DEPS)): deps
	@$(MAKE) $(AFTER_DEPS)
$(wordlist 2,$(words $(AFTER_DEPS)),$(AFTER_DEPS)): $(firstword $(AFTER_DEPS))
	@:
else
include mk/config.mk
include mk/library.mk
include mk/tests.mk
include mk/cuda.mk
include mk/gpu.mk
include mk/grid.mk
include mk/install.mk
endif
