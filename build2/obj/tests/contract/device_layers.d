build/obj/tests/contract/device_layers.o: tests/contract/device_layers.c \
 tests/contract/device_arrays.h lib/base/random.h \
 tests/contract/device_conformance.h lib/device/device.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 include/sbi/network.h include/sbi/array.h include/sbi/context.h
tests/contract/device_arrays.h:
lib/base/random.h:
tests/contract/device_conformance.h:
lib/device/device.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/network.h:
include/sbi/array.h:
include/sbi/context.h:
