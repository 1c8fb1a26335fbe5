build/obj/lib/device/cpu/kernels.o: lib/device/cpu/kernels.c \
 lib/device/cpu/kernels.h lib/base/isa.h lib/device/device.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h
lib/device/cpu/kernels.h:
lib/base/isa.h:
lib/device/device.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
