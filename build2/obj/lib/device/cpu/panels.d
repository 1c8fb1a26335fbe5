build/obj/lib/device/cpu/panels.o: lib/device/cpu/panels.c \
 lib/base/pool.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/device/cpu/cpu.h lib/device/cpu/kernels.h \
 lib/base/isa.h lib/device/device.h
lib/base/pool.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/device/cpu/cpu.h:
lib/device/cpu/kernels.h:
lib/base/isa.h:
lib/device/device.h:
