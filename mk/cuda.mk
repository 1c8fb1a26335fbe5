# SPDX-License-Identifier: Apache-2.0
# libsbi-cuda.so, the plugin for NVIDIA devices: from an installed CUDA toolkit (nvcc in PATH, or CUDA_HOME), or from what `make deps-cuda`
# fetched. Without either, cuda-check says that it was skipped. And the same sources on the host, against tests/cuda_standin.

CUDA_FETCHED := build/cuda-toolkit/nvidia/cu13
CUDA_ROOT := $(firstword $(if $(CUDA_HOME),$(wildcard $(CUDA_HOME)/bin/nvcc)) \
               $(shell nvcc=$$(command -v nvcc) && realpath "$$nvcc") $(abspath $(wildcard $(CUDA_FETCHED)/bin/nvcc)))
CUDA_ROOT := $(CUDA_ROOT:%/bin/nvcc=%)
NVCC := $(CUDA_ROOT)/bin/nvcc
# The libraries on PyPI have no unversioned links: each is named by its file.
CUDA_LIBS = $(foreach l,cudart cublas cublasLt,$(or $(firstword $(wildcard $(foreach d,lib lib64 targets/x86_64-linux/lib,\
    $(CUDA_ROOT)/$(d)/lib$(l).so.1[0-9]))),$(error mk/cuda.mk: $(CUDA_ROOT) has no lib$(l).so.NN)))

# T4, A100, A10 and the like, L4 and the like, H100; and code for what comes after them.
CUDA_ARCHITECTURES ?= 75 80 86 89 90
CUDA_NEWEST := $(lastword $(CUDA_ARCHITECTURES))
CUDA_CODE := $(foreach a,$(CUDA_ARCHITECTURES),-gencode arch=compute_$(a),code=sm_$(a)) \
             -gencode arch=compute_$(CUDA_NEWEST),code=compute_$(CUDA_NEWEST)
# --fmad stays on: a device has one way to do it. No fast math: activations keep their last digits, NaN stays NaN.
NVCC_FLAGS := -std=c++17 -O3 -lineinfo -Iinclude -Ilib -Werror all-warnings -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra,-O2

CUDA_SOURCES := $(sort $(wildcard lib/device/cuda/*.cu lib/device/cuda/*/*.cu))
CUDA_HEADERS := $(wildcard lib/device/*.h lib/device/cuda/*.h lib/device/cuda/*/*.h lib/device/cuda/*/*.cuh lib/tape/*.h lib/tape/kernels/*.h include/sbi/*.h)
CUDA_OBJECTS := $(CUDA_SOURCES:%.cu=$(BUILD)/cuda/%.o)
CUDA_SONAME := libsbi-cuda.so.$(ABI)
CUDA_LINK := -shared -Wl,-soname,$(CUDA_SONAME) -Wl,--version-script=lib/device/cuda/libsbi-cuda.map

$(BUILD)/cuda/%.o: %.cu $(CUDA_HEADERS)
	@mkdir -p $(@D); echo "  nvcc  $(@:$(BUILD)/cuda/%=%)"; $(NVCC) $(NVCC_FLAGS) $(CUDA_CODE) -c $< -o $@
$(BUILD)/$(CUDA_SONAME): $(CUDA_OBJECTS) lib/device/cuda/libsbi-cuda.map
	@echo "  link  $(@F)"; g++ $(CUDA_LINK) -Wl,-z,defs -Wl,-rpath,'$$ORIGIN' -o $@ $(CUDA_OBJECTS) $(CUDA_LIBS) -lpthread -ldl -lrt

# ---- on the host ----

STANDIN := $(BUILD)/standin
CXX := $(if $(filter default,$(origin CXX)),$(if $(IS_CLANG),clang++,g++),$(CXX))
STANDIN_FLAGS = -std=c++17 $(OPT) -Itests/cuda_standin -Iinclude -Ilib -Wall -Wextra -Werror -fPIC -pthread -ffp-contract=off $(SANITIZE)
STANDIN_HEADERS := $(wildcard tests/cuda_standin/*.h)
STANDIN_OBJECTS := $(patsubst tests/cuda_standin/%.cpp,$(STANDIN)/runtime/%.o,$(wildcard tests/cuda_standin/*.cpp))
STANDIN_PLUGIN_OBJECTS := $(CUDA_SOURCES:%.cu=$(STANDIN)/%.o)

# Products of matrices check their addresses beforehand; with a sanitizer in their loops tests would take minutes.
$(STANDIN)/runtime/blas.o: override OPT := -O3 -g
$(STANDIN)/runtime/blas.o: override SANITIZE :=
$(STANDIN)/runtime/%.o: tests/cuda_standin/%.cpp $(STANDIN_HEADERS) $(BUILD)/flags
	@mkdir -p $(@D); echo "  c++   $(@:$(BUILD)/%=%)"; $(CXX) $(STANDIN_FLAGS) -c $< -o $@
$(STANDIN)/lib/%.o: lib/%.cu $(STANDIN_HEADERS) $(CUDA_HEADERS) $(BUILD)/flags
	@mkdir -p $(@D); echo "  c++   $(@:$(BUILD)/%=%)"; $(CXX) -x c++ $(STANDIN_FLAGS) -fvisibility=hidden -c $< -o $@
$(STANDIN)/libcuda-standin.so: $(STANDIN_OBJECTS)
	@echo "  link  $(@F)"; $(CXX) -shared -Wl,-soname,$(@F) $(SANITIZE) -pthread -o $@ $^
$(STANDIN)/$(CUDA_SONAME): $(STANDIN_PLUGIN_OBJECTS) $(STANDIN)/libcuda-standin.so lib/device/cuda/libsbi-cuda.map
	@echo "  link  standin/$(@F)"; $(CXX) $(CUDA_LINK) $(SANITIZE) -pthread -Wl,-rpath,'$$ORIGIN' -o $@ $(STANDIN_PLUGIN_OBJECTS) \
	    -L$(STANDIN) -lcuda-standin

# Check programs that use it: tests/cuda/test_*.c. They find the plugin through SBI_BUILD, which run-tests.sh sets.
CUDA_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/cuda/test_*.c))
$(CUDA_TESTS): $(STANDIN)/$(CUDA_SONAME)
$(CUDA_TESTS): private LIBS += -L$(STANDIN) -lcuda-standin -Wl,-rpath,'$$ORIGIN/../../standin'
# Plugins in which one thing is wrong.
WRONG_PLUGINS := $(foreach w,contract device version name size,$(STANDIN)/wrong-$(w)/$(CUDA_SONAME))
$(STANDIN)/wrong-%/$(CUDA_SONAME): tests/cuda/wrong_plugin.c $(CUDA_HEADERS) $(BUILD)/flags
	@mkdir -p $(@D); echo "  cc    $(@:$(BUILD)/%=%)"; $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -DWRONG_$* -shared -o $@ $<
$(BUILD)/tests/cuda/test_plugin_cuda: | $(WRONG_PLUGINS)
# The stand-in's own test has kernels.
$(BUILD)/tests/cuda/test_standin: tests/cuda/test_standin.cpp $(STANDIN_HEADERS) $(STANDIN)/libcuda-standin.so $(BUILD)/flags
	@mkdir -p $(@D); echo "  c++   tests/cuda/test_standin"; $(CXX) $(STANDIN_FLAGS) -o $@ $< -L$(STANDIN) -lcuda-standin \
	    -Wl,-rpath,'$$ORIGIN/../../standin' $(CHECK_LIBS)
.PHONY: cuda-tests
cuda-tests: $(CUDA_TESTS) $(BUILD)/tests/cuda/test_standin programs ## Run tests/cuda: the CUDA device on the host
	@scripts/run-tests.sh $(BUILD) $(CUDA_TESTS) $(BUILD)/tests/cuda/test_standin

.PHONY: deps-cuda cuda standin cuda-check
deps-cuda: ## Fetch NVIDIA's compiler and libraries from PyPI into build/cuda-toolkit, where no CUDA toolkit is installed
	@scripts/install-cuda.sh $(BUILD)
cuda: $(if $(CUDA_ROOT),$(BUILD)/$(CUDA_SONAME)) ## Build libsbi-cuda.so
	$(if $(CUDA_ROOT),,@echo "no CUDA toolkit: set CUDA_HOME, put nvcc in PATH, or run make deps-cuda"; exit 1)
# What a plugin is to be, seen in the file: and in libsbi.so, that it knows nothing of CUDA.
ifneq ($(CUDA_ROOT),)
cuda-check: $(BUILD)/$(CUDA_SONAME) lib
	@tests/cuda/check_plugin.py $(BUILD)/libsbi.so.$(VERSION) $(BUILD)/$(CUDA_SONAME) $(CUDA_ROOT)/bin/cuobjdump
else
cuda-check: ## Compile libsbi-cuda.so and look into it
	@echo "SKIP: no CUDA toolkit (nvcc in PATH, CUDA_HOME, or make deps-cuda): libsbi-cuda.so was not compiled"
endif
standin: $(STANDIN)/$(CUDA_SONAME) ## Build the CUDA device for the host, against tests/cuda_standin

# Needs a device; without one it says so. BENCH_GPU: its options.
