build/obj/lib/device/cpu/bf16.o: lib/device/cpu/bf16.c lib/base/blas.h \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/log.h include/sbi/context.h include/sbi/status.h \
 lib/base/memory.h lib/base/pool.h lib/device/cpu/cpu.h \
 lib/device/cpu/kernels.h lib/base/isa.h lib/device/device.h
lib/base/blas.h:
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/pool.h:
lib/device/cpu/cpu.h:
lib/device/cpu/kernels.h:
lib/base/isa.h:
lib/device/device.h:
