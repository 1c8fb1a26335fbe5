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
SANITIZED = $(MAKE) BUILD=$(BUILD)/$(1) OPT="-O1 -g" SANITIZE="$(2)"
TSAN_NAMES := test_base_pool test_base_blas test_exec_campaign test_executor_local test_executor_toy test_jobs_run \
              test_tape_threads test_model_threads test_net_train test_ratio
TSAN_TESTS := $(foreach n,$(TSAN_NAMES),$(filter %/$(n),$(TEST_PROGRAMS)))
.PHONY: asan tsan
asan: ## Run all C tests under AddressSanitizer and UBSan
	@$(call SANITIZED,asan,$(ASAN)) unit contract torture physics
tsan: ## Run the threaded tests under ThreadSanitizer
	@$(call SANITIZED,tsan,$(TSAN)) tsan-tests
.PHONY: tsan-tests
# One thread inside OpenBLAS: its own threads are not instrumented, and what they hand each other looks like races.
tsan-tests: $(TSAN_TESTS) programs
	@OPENBLAS_NUM_THREADS=1 scripts/run-tests.sh $(BUILD) $(TSAN_TESTS)

# Fuzzers: libFuzzer where clang has it, else the corpus is replayed.
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 5
.PHONY: fuzz
fuzz: ## Run each fuzzer for FUZZ_SECONDS (5) under AddressSanitizer
	@$(MAKE) BUILD=$(BUILD)/fuzz CC=clang OPT="-O1 -g" SANITIZE="-fsanitize=address,undefined,fuzzer-no-link" \
	    $(FUZZERS:%=$(BUILD)/fuzz/fuzz/%)
	@scripts/run-fuzzers.sh $(BUILD) $(FUZZ_SECONDS) $(FUZZERS)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/libsbi.a
	@mkdir -p $(@D); $(CC) -fsanitize=address,undefined,fuzzer -o $@ $^ $(LIBS)

.PHONY: headers rooms abi-check abi-update install-check python-check
headers: ## Compile each public header alone, as C11 and C++11
	@tests/headers/check_headers.sh
rooms: ## Check which room includes which
	@python3 tests/rooms/check_rooms.py
abi-check: lib ## Hold exports and struct layouts against the recorded ones
	@python3 tests/abi/check_abi.py $(BUILD)
abi-update: lib ## Record today's exports and struct layouts
	@python3 tests/abi/check_abi.py $(BUILD) --update
install-check: lib programs ## Build programs against an installed copy
	@tests/install/check_install.sh
python-check: lib ## Run the tests of the Python package
	@cd bindings/python && SBI_LIBRARY=$(abspath $(BUILD))/$(SONAME) $(abspath $(BUILD))/venv/bin/python -m unittest discover -s tests -q

.PHONY: check demo deps
deps: ## Install what is missing (apt-get; a Python environment in build/venv)
	@scripts/install-deps.sh $(BUILD)
check: ## Run every test
	@scripts/check.sh $(BUILD)
demo: all ## Run the main job, examples/offshell_higgs
	@SBI_PYTHON=$(abspath $(BUILD))/venv/bin/python $(BUILD)/bin/offshell_higgs --output $(BUILD)/demo

# Benchmarks print JSON lines. The two variables would hold OpenBLAS back.
BENCHMARKS := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c))
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libsbi.a
	@mkdir -p $(@D); $(CC) $(LDFLAGS_ALL) -o $@ $< $(BUILD)/libsbi.a $(LIBS)
.PHONY: bench check-peers
bench: $(BENCHMARKS) ## Run the benchmarks
	@printf '{"machine": "%s", "cores": %s, "commit": "%s"}\n' "$$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1)" \
	    "$$(nproc)" "$$(git describe --always --dirty 2>/dev/null)"
	@for b in $(BENCHMARKS); do env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $$b; done
check-peers: ## Make the stored reference values anew with JAX, iminuit, PyTorch and compare
	@scripts/check-peers.sh $(BUILD)

.PHONY: clean help
clean: ## Remove the build folder
	rm -rf $(BUILD)
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 16
