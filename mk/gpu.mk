# SPDX-License-Identifier: Apache-2.0
# What only a real device can tell: tests/gpu. Here where there is one (check-gpu, bench-gpu), or from a folder that needs nothing but
# a driver and NVIDIA's libraries where it is unpacked (gpu-bundle).

GPU_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/gpu/test_*.c))
GPU_BENCHES := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/gpu/bench_*.c))
$(GPU_TESTS) $(GPU_BENCHES): private LDFLAGS_ALL += -Wl,-rpath,'$$ORIGIN/../lib'
GPU_FOLDER := $(BUILD)/gpu-bundle
GPU_PROGRAMS := $(GPU_TESTS) $(GPU_BENCHES)

.PHONY: gpu-bundle gpu-bundle-standin check-gpu bench-gpu
gpu-bundle: cuda $(GPU_PROGRAMS) ## Pack the tests and benchmarks for a machine with an NVIDIA device into build/gpu-bundle
	@tests/gpu/bundle.sh $(GPU_FOLDER) $(BUILD)/$(CUDA_SONAME) $(GPU_PROGRAMS)
# The same with the stand-in, to see that the folder and its script work.
gpu-bundle-standin: standin $(GPU_PROGRAMS)
	@tests/gpu/bundle.sh $(GPU_FOLDER)-standin $(STANDIN)/$(CUDA_SONAME) $(GPU_PROGRAMS)
check-gpu: gpu-bundle ## Run the tests that need a real device, on this machine's
	@$(GPU_FOLDER)/run.sh $(BUILD)/gpu --tests
bench-gpu: gpu-bundle ## Tests, benchmarks and PyTorch beside them on this machine's device; writes docs/gpu-report.md
	@$(GPU_FOLDER)/run.sh $(BUILD)/gpu
	@cp $(BUILD)/gpu/gpu-report.md docs/gpu-report.md
