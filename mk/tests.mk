# SPDX-License-Identifier: Apache-2.0
# Tests. Each tests/{unit,contract,physics,torture}/test_*.c is a Check program linked with libsbi.a, so that it may use
# what the shared library hides. The other .c files of tests/support and tests/contract are linked to each of them.

TEST_KINDS := unit contract physics torture
TEST_SUPPORT := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/support/*.c) \
                  $(filter-out $(wildcard tests/contract/test_*.c),$(wildcard tests/contract/*.c)))
TEST_PROGRAMS := $(foreach k,$(TEST_KINDS),$(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/$(k)/test_*.c)))
# The physics of an example is tested with the example's own files, all but the one with main().
EXAMPLE_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/main.c,$(wildcard examples/offshell_higgs/*.c)))

$(BUILD)/obj/tests/%.o: CPPFLAGS_ALL += -Itests -Iexamples
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_SUPPORT) $(BUILD)/libsbi.a
	@mkdir -p $(@D); echo "  link  $(@:$(BUILD)/%=%)"
	@$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(BUILD)/libsbi.a $(LIBS) $(CHECK_LIBS)
$(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/physics/test_*.c)): $(EXAMPLE_OBJECTS)

# Workers with other work, for tests of executors whose tasks run in processes of their own.
TEST_WORKERS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/workers/*.c))
$(TEST_WORKERS): $(WORKER_OBJECTS)
# libsbi-grid.so, which they load for stores on servers, is to find the one libsbi of the process in the program.
$(TEST_WORKERS): private LDFLAGS_ALL += -rdynamic -Wl,--whole-archive $(BUILD)/libsbi.a -Wl,--no-whole-archive
$(BUILD)/tests/contract/test_executor_processes $(BUILD)/tests/contract/test_executor_slurm: | $(TEST_WORKERS)
$(BUILD)/tests/contract/test_executor_slurm: $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/main.c,$(wildcard examples/slurm_executor/*.c)))

.PRECIOUS: $(BUILD)/obj/%.o
.PHONY: $(TEST_KINDS) test-programs
test-programs: $(TEST_PROGRAMS)
unit: ## Run tests/unit
contract: ## Run tests/contract: suites that every device and executor passes
physics: ## Run tests/physics: closure against analytic truth
torture: ## Run tests/torture: every allocation fails in turn
define run_kind
$(1): $(filter $(BUILD)/tests/$(1)/%,$(TEST_PROGRAMS)) programs
	@scripts/run-tests.sh $(BUILD) $$(filter $(BUILD)/tests/%,$$^)
endef
$(foreach k,$(TEST_KINDS),$(eval $(call run_kind,$(k))))

# Sanitizers build everything again, beside the plain build.
ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
TSAN := -fsanitize=thread
SANITIZED = $(MAKE) BUILD=$(BUILD)/$(1) OPT="-O1 -g1" SANITIZE="$(2)"
# The tests that use several threads. A name without a file is an error, or a renamed test would be left out in silence.
# test_net_packed is clean and left out: it takes two minutes.
TSAN_NAMES := test_base_blas test_base_context test_base_pool test_exec_campaign test_executor_local test_executor_toy \
              test_fit_model test_fit_objective test_io_npy test_jobs_columns test_jobs_hessian test_jobs_run test_jobs_search test_jobs_store test_jobs_stream \
              test_jobs_together test_jobs_toys test_model_binned test_model_columns test_model_threads test_net_losses test_net_train \
              test_ratio test_store_folder test_tape_errors test_tape_mixed test_tape_mixture test_tape_shards \
              test_tape_shards_input test_tape_source test_tape_threads
TSAN_TESTS := $(foreach n,$(TSAN_NAMES),$(or $(filter %/$(n),$(TEST_PROGRAMS)),$(error mk/tests.mk: TSAN_NAMES: there is no $(n).c)))
.PHONY: asan tsan
# Physics tests run the code of the others for minutes more, so they are left out here.
asan: ## Run the C tests, but physics, and the fuzzers' corpora under AddressSanitizer and UBSan
	+@$(call SANITIZED,asan,$(ASAN)) unit contract torture cuda-tests fuzz-replay
tsan: ## Run the threaded tests under ThreadSanitizer
	+@$(call SANITIZED,tsan,$(TSAN)) tsan-tests
.PHONY: tsan-tests
# One thread inside OpenBLAS: its own threads are not instrumented, and what they hand each other looks like races.
tsan-tests: $(TSAN_TESTS) programs
	@OPENBLAS_NUM_THREADS=1 scripts/run-tests.sh $(BUILD) $(TSAN_TESTS)

# Fuzzers: libFuzzer where clang has it. tests/fuzz/replay.c drives the same functions without it: every file of the corpus, and
# a fixed set of damaged copies of each.
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 5
FUZZ := -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
.PHONY: fuzz fuzz-programs fuzz-replay
# The parsers that people's own files reach: workspaces, factor expressions, packed stores.
.PHONY: fuzz-workspace
fuzz-workspace: ## Run the fuzzers of workspaces and factor expressions for FUZZ_SECONDS (600 here) each
	+@$(MAKE) FUZZERS="fuzz_workspace fuzz_expression" FUZZ_SECONDS=$(if $(filter command line,$(origin FUZZ_SECONDS)),$(FUZZ_SECONDS),600) fuzz
fuzz: ## Run each fuzzer for FUZZ_SECONDS (5) under AddressSanitizer, with clang
	+@if echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | clang -fsanitize=address,fuzzer -x c - -o /dev/null 2>/dev/null; then \
	    $(MAKE) BUILD=$(BUILD)/fuzz CC=clang OPT="-O1 -g1" SANITIZE="$(FUZZ)" fuzz-programs; \
	    scripts/run-fuzzers.sh $(BUILD)/fuzz $(FUZZ_SECONDS) $(FUZZERS); \
	else \
	    echo "SKIP: no clang with libFuzzer here; the corpora are replayed instead"; \
	    $(call SANITIZED,asan,$(ASAN)) fuzz-replay; \
	fi
fuzz-programs: $(FUZZERS:%=$(BUILD)/fuzz/%)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/libsbi.a
	@mkdir -p $(@D); echo "  link  $(@:$(BUILD)/%=%)"; $(CC) -fsanitize=address,undefined,fuzzer -o $@ $^ $(LIBS)
fuzz-replay: $(FUZZERS:%=$(BUILD)/replay/%) ## Run the fuzzers' corpora once, without libFuzzer
	@for f in $(FUZZERS); do $(BUILD)/replay/$$f tests/fuzz/corpus/$${f#fuzz_}; done
$(BUILD)/replay/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(BUILD)/libsbi.a
	@mkdir -p $(@D); echo "  link  $(@:$(BUILD)/%=%)"; $(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# Randomised fits, each result judged by values of F alone; the table of docs/fit.md. test_fit_robust itself does a few of them.
ROBUST_FITS ?= 1000
.PHONY: check-robust
check-robust: $(BUILD)/tests/unit/test_fit_robust ## Run 1000 randomised fits (ROBUST_FITS) and judge what they claim
	@SBI_ROBUST_FITS=$(ROBUST_FITS) SBI_ROBUST_TABLE=1 $<
# The same program throws fewer data sets in `make physics`.
.PHONY: check-coverage
check-coverage: $(BUILD)/tests/physics/test_offshell_coverage ## Coverage of intervals on the off-shell model over thousands of data sets (20 min)
	@SBI_COVERAGE=full $<

# Likewise: larger samples and networks, and the table of docs/ratio_quality.md.
.PHONY: check-ratios bench-ratios
check-ratios: $(BUILD)/tests/physics/test_ratio_quality ## Errors of learnt ratios against exact ones, as a table (10 min)
	@SBI_RATIOS=full CK_FORK=no $<
RATIO_PYTHON = $(BUILD)/venv-peers/bin/python
bench-ratios: lib ## Errors of ratios learnt by PyTorch and libsbi side by side, and a task of sbibm
	@scripts/check-peers.sh $(BUILD) --prepare
	@SBI_LIBRARY=$(abspath $(BUILD))/$(SONAME) $(RATIO_PYTHON) tests/bench/bench_ratio_quality.py

.PHONY: headers rooms abi abi-update abi-baseline install-check python-check
headers: ## Compile each public header alone, as C11 and C++11
	@tests/headers/check_headers.sh
rooms: ## Check which room includes which, and what no room may call
	@python3 tests/rooms/check_rooms.py
	@python3 tests/rooms/test_check_rooms.py -q
abi: lib ## Hold exports, constants, struct layouts and imports against the recorded ones
	@python3 tests/abi/check_abi.py $(BUILD)
	@python3 tests/abi/check_library.py $(BUILD)/libsbi.so.$(VERSION)
	@tests/abi/check_baseline.sh $(BUILD)/libsbi.so.$(VERSION)
abi-check: abi
abi-update: lib ## Record today's exports, constants and struct layouts
	@python3 tests/abi/check_abi.py $(BUILD) --update
abi-baseline: lib ## After a release: store its ABI, which `make abi` then compares with abidiff
	@tests/abi/check_baseline.sh $(BUILD)/libsbi.so.$(VERSION) --update
install-check: all ## Build programs against an installed copy
	@MAKE="$(MAKE)" tests/install/check_install.sh $(BUILD)
python-check: lib programs ## Run the tests of the Python package
	@cd bindings/python && SBI_LIBRARY=$(abspath $(BUILD))/$(SONAME) $(abspath $(BUILD))/venv/bin/python -m unittest discover -s tests -q
# Each fitter prints a line; one that is not installed says that it was skipped.
.PHONY: fitters-check
fitters-check: $(BUILD)/bin/fitters lib ## Run the examples of other people's fitters: BFGS, NLopt, iminuit, scipy
	@$(BUILD)/bin/fitters tests/data/model/normalised.json
	@for example in minuit scipy_minimise; do \
	    PYTHONPATH=bindings/python SBI_LIBRARY=$(abspath $(BUILD))/$(SONAME) $(abspath $(BUILD))/venv/bin/python examples/fitters/$$example.py \
	        tests/data/model/normalised.json; \
	done

.PHONY: abi-check check demo deps
deps: ## Install what is missing (apt-get; a Python environment in build/venv)
	@scripts/install-deps.sh $(BUILD)
	@scripts/install-cuda.sh $(BUILD)
check: ## Run every test
	@MAKE="$(MAKE)" scripts/check.sh $(BUILD)
demo: all ## Run the main job, examples/offshell_higgs
	@SBI_PYTHON=$(abspath $(BUILD))/venv/bin/python $(BUILD)/bin/offshell_higgs --output $(BUILD)/demo

# Benchmarks print JSON lines. The two variables would hold OpenBLAS back.
BENCHMARKS := $(filter-out %/bench_likelihood %/bench_scale,$(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c)))
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libsbi.a
	@mkdir -p $(@D); $(CC) $(LDFLAGS_ALL) -o $@ $< $(BUILD)/libsbi.a $(LIBS)
# The read-only sweep beside it is to have the registers of this machine.
$(BUILD)/obj/tests/bench/bench_likelihood.o: OPT = -O3 -g -march=native $(if $(filter x86_64,$(shell uname -m)),-mprefer-vector-width=512)
.PHONY: bench bench-likelihood bench-likelihood-docs check-peers
bench: $(BENCHMARKS) ## Run the benchmarks
	@printf '{"machine": "%s", "cores": %s, "commit": "%s"}\n' "$$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1)" \
	    "$$(nproc)" "$$(git describe --always --dirty 2>/dev/null)"
	@for b in $(BENCHMARKS); do env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $$b; done
# BENCH_SIZES=1e6,4e6 for a short run; BENCH_FLAGS=--resume goes on with one that was stopped (run.py --help); BENCH_PYTHON: one with jax.
.PHONY: gallery
gallery: lib $(BUILD)/bin/offshell_higgs ## Make the pictures of docs/plots.md anew
	@PYTHONPATH=bindings/python SBI_LIBRARY=$(abspath $(BUILD))/$(SONAME) $(abspath $(BUILD))/venv/bin/python examples/plots/gallery.py \
	    $(BUILD)/bin/offshell_higgs $(BUILD)/gallery docs/plots

BENCH_PYTHON = $(BUILD)/venv-bench/bin/python
BENCH_SIZES ?= 1e6,4e6,1e7,4e7,1e8,4e8
$(BUILD)/venv-bench/bin/python:
	@python=/usr/bin/python3; [ -x $$python ] || python=python3; $$python -m venv $(BUILD)/venv-bench
	@$(BUILD)/venv-bench/bin/pip install --quiet --disable-pip-version-check numpy jax matplotlib || { rm -rf $(BUILD)/venv-bench; exit 1; }
bench-likelihood: $(BUILD)/bench/bench_likelihood | $(BENCH_PYTHON) ## JAX and libsbi side by side on one likelihood (25 min; BENCH_SIZES)
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH_PYTHON) tests/bench/likelihood/run.py --program $(BUILD)/bench/bench_likelihood \
	    --output $(BUILD)/likelihood --sizes $(BENCH_SIZES) $(BENCH_FLAGS)
bench-likelihood-docs: | $(BENCH_PYTHON) ## Put table and plot of the last bench-likelihood into docs
	@$(BENCH_PYTHON) tests/bench/likelihood/report.py $(BUILD)/likelihood --docs docs
# Figure 8 of the reference analysis: whole fits. FIT_FLAGS="--resume --minutes 4" runs it in pieces (run.py --help).
.PHONY: bench-fit bench-fit-docs
bench-fit: lib | $(BENCH_PYTHON) ## Whole fits of iminuit and libsbi against the number of nuisance parameters (15 min; FIT_FLAGS)
	@$(BENCH_PYTHON) -c 'import iminuit' 2>/dev/null || $(BUILD)/venv-bench/bin/pip install --quiet --disable-pip-version-check iminuit
	@SBI_LIBRARY=$(abspath $(BUILD))/$(SONAME) $(BENCH_PYTHON) tests/bench/fit/run.py --output $(BUILD)/fit $(FIT_FLAGS)
bench-fit-docs: | $(BENCH_PYTHON) ## Put table and plot of the last bench-fit into docs
	@$(BENCH_PYTHON) tests/bench/fit/report.py $(BUILD)/fit --docs docs
# Training beside PyTorch, to be run where nothing else does. TRAIN_FLAGS="--seconds 1 --rounds 1 --only 4x64" for a short run (run.py --help).
TRAIN_PYTHON = $(BUILD)/venv-peers/bin/python
.PHONY: bench-train bench-train-docs
bench-train: lib ## PyTorch and libsbi training side by side (25 min; TRAIN_FLAGS)
	@[ -x $(TRAIN_PYTHON) ] || scripts/check-peers.sh $(BUILD) --prepare
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE PYTHONPATH=bindings/python SBI_LIBRARY=$(abspath $(BUILD))/$(SONAME) \
	    $(TRAIN_PYTHON) tests/bench/train/run.py --output $(BUILD)/train $(TRAIN_FLAGS)
	@$(TRAIN_PYTHON) tests/bench/train/report.py $(BUILD)/train
bench-train-docs: ## Put table and plot of the last bench-train into docs
	@$(TRAIN_PYTHON) tests/bench/train/report.py $(BUILD)/train --docs docs
# A store larger than memory is written into SCALE_FOLDER, which has no default since it takes 16.5 GB at ten million events.
SCALE_EVENTS ?= 10000000
.PHONY: bench-scale
bench-scale: $(BUILD)/bench/bench_scale ## Value, gradient, Hessian and fit of a model larger than memory (SCALE_FOLDER, SCALE_EVENTS)
	@test -n "$(SCALE_FOLDER)" || { echo "bench-scale: set SCALE_FOLDER to a folder on a disk with room for the store"; exit 1; }
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BUILD)/bench/bench_scale $(SCALE_FOLDER) $(SCALE_EVENTS)
# Published likelihoods where SBI_LIKELIHOODS names some, and the largest of tests/data/pyhf.
PYHF_PYTHON = $(BUILD)/venv-peers/bin/python
PYHF_RUNS ?= 9
.PHONY: bench-pyhf
bench-pyhf: lib ## pyhf with JAX and libsbi side by side on the same workspaces (SBI_LIKELIHOODS)
	@scripts/check-peers.sh $(BUILD) --prepare
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE SBI_LIBRARY=$(abspath $(BUILD))/$(SONAME) $(PYHF_PYTHON) tests/bench/bench_pyhf.py \
	    --runs $(PYHF_RUNS) $(PYHF_FLAGS) $(if $(SBI_LIKELIHOODS),$(wildcard $(SBI_LIKELIHOODS)/*.json)) tests/data/pyhf/59_big_0.json
ROOT_PYTHON = $(BUILD)/venv-root/bin/python
.PHONY: bench-roofit
bench-roofit: lib ## RooFit's HistFactory models and libsbi side by side on the same workspaces
	@scripts/check-peers.sh $(BUILD) --prepare-root
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE SBI_LIBRARY=$(abspath $(BUILD))/$(SONAME) $(ROOT_PYTHON) tests/bench/bench_roofit.py
check-peers: ## Make the stored reference values anew with JAX, pyhf, iminuit, PyTorch, ROOT and compare
	@scripts/check-peers.sh $(BUILD)

FORMATTED := $(shell find include lib examples tests -name '*.[ch]')
.PHONY: clean distclean format help
format: ## Lay out the sources by .clang-format (needs clang-format)
	@clang-format -i $(FORMATTED)
clean: ## Remove what was compiled; Python environments, fetched packages and results of the demo stay
	rm -rf $(addprefix $(BUILD)/,obj bin tests bench replay fuzz asan tsan clang cuda standin gpu-bundle gpu-bundle-standin test-logs flags objects libsbi.* libsbi-cuda.* libsbi-grid.*)
distclean: ## Remove the build folder
	rm -rf $(BUILD)
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 16
	@echo "Variables: CC=gcc|clang BUILD=build OPT='-O2 -g' CFLAGS= LDFLAGS= BLAS=openblas|mkl|blis DESTDIR= prefix=/usr/local libdir="
