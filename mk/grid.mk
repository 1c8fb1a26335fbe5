# SPDX-License-Identifier: Apache-2.0
# libsbi-grid.so, the plugin for stores and executors that speak with servers: where libcurl, libyaml and expat are installed. And its tests,
# which start servers of their own on this machine: tests/servers.

GRID_PACKAGES := libcurl yaml-0.1 expat
HAVE_GRID := $(shell pkg-config --exists $(GRID_PACKAGES) 2>/dev/null && echo yes)
GRID_LIBS := $(shell pkg-config --libs $(GRID_PACKAGES) jansson zlib 2>/dev/null)
GRID_SONAME := libsbi-grid.so.$(ABI)
# Copies of what it needs of the library inside: all but what has state.
GRID_SHARED := $(addprefix lib/base/,adler32 base64 fail file log memory path sha256 sha256_x86 table text) $(addprefix lib/io/,json json_text)
GRID_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard lib/grid/*.c)) $(GRID_SHARED:%=$(BUILD)/obj/%.o)

$(BUILD)/obj/lib/grid/%.o: private PKG_CFLAGS += $(shell pkg-config --cflags $(GRID_PACKAGES) 2>/dev/null)
$(BUILD)/$(GRID_SONAME): $(GRID_OBJECTS) $(BUILD)/libsbi.so lib/grid/libsbi-grid.map
	@echo "  link  $(@F)"; $(CC) -shared -Wl,-soname,$(GRID_SONAME) -Wl,--version-script=lib/grid/libsbi-grid.map \
	    $(if $(and $(SANITIZE),$(IS_CLANG)),,-Wl$(comma)-z$(comma)defs) -Wl,-rpath,'$$ORIGIN' $(LDFLAGS_ALL) -o $@ $(GRID_OBJECTS) -L$(BUILD) -lsbi \
	    -Wl,--as-needed $(GRID_LIBS)

.PHONY: grid
ifeq ($(HAVE_GRID),yes)
lib: $(BUILD)/$(GRID_SONAME)
grid: $(BUILD)/$(GRID_SONAME) ## Build libsbi-grid.so
else
grid:
	@echo "no libcurl, libyaml or expat to compile against: make deps"; exit 1
endif

# Check programs that speak with servers: tests/grid/test_*.c, on libsbi.so as the plugin is, with the plugin's own objects for what it hides. run.sh starts
# the servers, each test's own, and stops them.
GRID_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/grid/test_*.c))
GRID_TEST_SUPPORT := $(BUILD)/obj/tests/contract/store_conformance.o
$(BUILD)/obj/tests/grid/%.o: private PKG_CFLAGS += $(shell pkg-config --cflags $(GRID_PACKAGES) 2>/dev/null)
$(GRID_TESTS): $(BUILD)/tests/grid/%: $(BUILD)/obj/tests/grid/%.o $(GRID_TEST_SUPPORT) $(GRID_OBJECTS) $(BUILD)/libsbi.so $(BUILD)/$(GRID_SONAME)
	@mkdir -p $(@D); echo "  link  $(@:$(BUILD)/%=%)"
	@$(CC) $(LDFLAGS_ALL) -o $@ $< $(GRID_TEST_SUPPORT) $(GRID_OBJECTS) -L$(BUILD) -lsbi -Wl,-rpath,'$$ORIGIN/../..' $(GRID_LIBS) $(CHECK_LIBS) -lm

.PHONY: grid-tests check-grid
# The S3 server is built by Go on first use; without Go and without a built one that test fails.
grid-tests: $(GRID_TESTS) ## Run tests/grid against nginx, an S3 server and a server of faults, all on loopback
	@tests/grid/run.sh $(BUILD) $(filter-out $(RUCIO_TESTS) $(PANDA_TESTS),$(GRID_TESTS))
	@SBI_TEST_SERVERS=panda JOBS=1 tests/grid/run.sh $(BUILD) $(PANDA_TESTS)
# These arm faults in the server that they share: one after the other.
PANDA_TESTS := $(filter %panda %panda_api,$(GRID_TESTS))
# Rucio's server takes most of a minute to start, and a first time to install.
RUCIO_TESTS := $(filter %rucio %rucio_jobs %rucio_torture,$(GRID_TESTS))
.PHONY: rucio-tests
rucio-tests: $(RUCIO_TESTS) programs ## Run the tests of the Rucio store against Rucio's own server and reference client
	@SBI_TEST_SERVERS=rucio tests/grid/run.sh $(BUILD) $(RUCIO_TESTS)
check-grid: grid-tests rucio-tests cluster-tests ## Run all tests of stores and executors on real servers

# Fuzzers of what servers answer are linked with the parsers, on libsbi.a as the others.
GRID_FUZZED := $(addprefix $(BUILD)/obj/lib/grid/,xml.o listing.o s3_answers.o webdav_answers.o credentials.o secret.o config.o s3_page.o rucio_answers.o rucio_names.o)
$(BUILD)/fuzz/fuzz_grid_answers $(BUILD)/replay/fuzz_grid_answers: $(GRID_FUZZED)
# The archive once more, since the objects come after it.
$(BUILD)/fuzz/fuzz_grid_answers $(BUILD)/replay/fuzz_grid_answers: private LIBS += $(BUILD)/libsbi.a $(GRID_LIBS)
KUBE_FUZZED := $(addprefix $(BUILD)/obj/lib/grid/,yaml.o kubeconfig.o kubeconfig_exec.o kube_job.o config.o secret.o listing.o)
$(BUILD)/fuzz/fuzz_kubeconfig $(BUILD)/replay/fuzz_kubeconfig: $(KUBE_FUZZED)
$(BUILD)/fuzz/fuzz_kubeconfig $(BUILD)/replay/fuzz_kubeconfig: private LIBS += $(BUILD)/libsbi.a $(GRID_LIBS)

# Check programs for a Kubernetes cluster of real programs: tests/cluster/test_*.c, run inside it by tests/servers/kubernetes/with_cluster.sh.
CLUSTER_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/cluster/test_*.c))
CLUSTER_PROGRAMS := $(CLUSTER_TESTS) $(addprefix $(BUILD)/tests/cluster/,scale_kubernetes campaign_kubernetes)
CLUSTER_TEST_SUPPORT := $(BUILD)/obj/tests/contract/executor_conformance.o
$(CLUSTER_PROGRAMS): $(BUILD)/tests/cluster/%: $(BUILD)/obj/tests/cluster/%.o $(CLUSTER_TEST_SUPPORT) $(GRID_SHARED:%=$(BUILD)/obj/%.o) $(BUILD)/libsbi.so \
    $(BUILD)/$(GRID_SONAME) | $(TEST_WORKERS)
	@mkdir -p $(@D); echo "  link  $(@:$(BUILD)/%=%)"
	@$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -L$(BUILD) -lsbi -Wl,-rpath,'$$ORIGIN/../..' $(GRID_LIBS) $(CHECK_LIBS) -lm
# A clock that jumps, preloaded into clients and workers of faults.py.
CLUSTER_CLOCK := $(BUILD)/tests/cluster/shifted_clock.so
$(CLUSTER_CLOCK): tests/cluster/shifted_clock.c
	@mkdir -p $(@D); echo "  link  $(@:$(BUILD)/%=%)"; $(CC) -std=c11 -O2 -Wall -Wextra -Werror -fPIC -shared -o $@ $<
.PHONY: cluster-tests
cluster-tests: $(CLUSTER_TESTS) programs ## Run tests/cluster against etcd, the API server, controllers, scheduler and a kubelet on this machine
	@tests/servers/kubernetes/with_cluster.sh $(BUILD) scripts/run-tests.sh $(BUILD) $(CLUSTER_TESTS)
.PHONY: check-cluster check-faults-here check-kubernetes-demo check-kubernetes-scale check-faults deps-servers
check-cluster: $(CLUSTER_TESTS) programs ## The same; skipped, with a line, where a machine cannot have a cluster
	@tests/cluster/check_cluster.sh $(BUILD) $(CLUSTER_TESTS)
FAULTS ?= 100
FAULTS_SEED ?= 1
check-faults: $(BUILD)/tests/cluster/campaign_kubernetes $(CLUSTER_CLOCK) ## Campaigns with FAULTS (100) seeded faults injected, results compared
	@tests/servers/kubernetes/with_cluster.sh $(BUILD) --node agent tests/cluster/faults.py $(BUILD) --faults $(FAULTS) --seed $(FAULTS_SEED)
check-faults-here: $(BUILD)/tests/cluster/campaign_kubernetes $(CLUSTER_CLOCK) programs ## The same, where Kubernetes has been built before; a line says so elsewhere
	@tests/cluster/check_faults.sh $(BUILD) $(FAULTS) $(FAULTS_SEED)
check-kubernetes-demo: programs lib $(BUILD)/bin/offshell_higgs ## The main job in pods through S3, equal byte for byte to here (2 min)
	@tests/servers/kubernetes/with_cluster.sh $(BUILD) tests/cluster/check_demo.sh $(BUILD)
SCALE_TASKS ?= 10000
check-kubernetes-scale: $(BUILD)/tests/cluster/scale_kubernetes ## Thousands of tasks (SCALE_TASKS, 10000) against a real API server: requests, memory, time
	@SBI_BUILD=$(BUILD) tests/servers/kubernetes/with_cluster.sh $(BUILD) --node instant $< $(SCALE_TASKS)
deps-servers: ## Install what tests need that start servers: containerd, runc, CNI plugins, Go
	@scripts/install-server-deps.sh

# The executor "panda" against the stand-in of tests/servers/panda.
$(BUILD)/tests/grid/test_panda: $(BUILD)/obj/tests/contract/executor_conformance.o | $(TEST_WORKERS) programs
$(BUILD)/tests/grid/test_panda: private GRID_TEST_SUPPORT += $(BUILD)/obj/tests/contract/executor_conformance.o
$(BUILD)/tests/grid/test_worker_streams: | programs
# Against PanDA's own server with JEDI, from checkouts: tests/servers/panda_real.
.PHONY: check-panda-real
check-panda-real: $(BUILD)/tests/grid/test_panda ## The executor panda against a PanDA server here; PANDA_SERVER, PANDA_DATABASE, PANDA_WNSCRIPT are checkouts
	@PANDA_SERVER=$(PANDA_SERVER) PANDA_DATABASE=$(PANDA_DATABASE) PANDA_WNSCRIPT=$(PANDA_WNSCRIPT) SBI_TEST_SERVERS=panda_real JOBS=1 \
	    tests/grid/run.sh $(BUILD) $<
PANDA_FUZZED := $(addprefix $(BUILD)/obj/lib/grid/,panda_answers.o)
$(BUILD)/fuzz/fuzz_panda_answers $(BUILD)/replay/fuzz_panda_answers: $(PANDA_FUZZED)
$(BUILD)/fuzz/fuzz_panda_answers $(BUILD)/replay/fuzz_panda_answers: private LIBS += $(BUILD)/libsbi.a $(GRID_LIBS)
