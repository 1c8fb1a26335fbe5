build/obj/lib/device/device.o: lib/device/device.c lib/device/device.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/error.h include/sbi/status.h lib/device/cpu/cpu.h \
 lib/device/cpu/kernels.h lib/base/isa.h lib/device/plugin.h
lib/device/device.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/device/cpu/cpu.h:
lib/device/cpu/kernels.h:
lib/base/isa.h:
lib/device/plugin.h:
