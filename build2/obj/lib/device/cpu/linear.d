build/obj/lib/device/cpu/linear.o: lib/device/cpu/linear.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/pool.h include/sbi/context.h include/sbi/status.h \
 lib/device/cpu/cpu.h lib/device/cpu/kernels.h lib/base/isa.h \
 lib/device/device.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/pool.h:
include/sbi/context.h:
include/sbi/status.h:
lib/device/cpu/cpu.h:
lib/device/cpu/kernels.h:
lib/base/isa.h:
lib/device/device.h:
