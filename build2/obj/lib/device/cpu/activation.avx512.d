build/obj/lib/device/cpu/activation.avx512.o: \
 lib/device/cpu/activation.isa.c lib/device/cpu/kernels_isa.h \
 lib/device/cpu/kernels.h lib/base/isa.h lib/device/device.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/device/cpu/vector_math.h include/sbi/network.h include/sbi/array.h \
 include/sbi/context.h
lib/device/cpu/kernels_isa.h:
lib/device/cpu/kernels.h:
lib/base/isa.h:
lib/device/device.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/device/cpu/vector_math.h:
include/sbi/network.h:
include/sbi/array.h:
include/sbi/context.h:
