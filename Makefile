# SPDX-License-Identifier: Apache-2.0
# libsbi: `make help` lists the targets. Everything that is built goes under $(BUILD).

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.SUFFIXES:

BUILD ?= build
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
prefix ?= /usr/local
include mk/config.mk
include mk/library.mk
include mk/tests.mk
include mk/install.mk
