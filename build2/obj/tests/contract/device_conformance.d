build/obj/tests/contract/device_conformance.o: \
 tests/contract/device_conformance.c tests/contract/device_conformance.h \
 lib/device/device.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h tests/contract/device_arrays.h lib/base/random.h \
 include/sbi/network.h include/sbi/array.h include/sbi/context.h
tests/contract/device_conformance.h:
lib/device/device.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
tests/contract/device_arrays.h:
lib/base/random.h:
include/sbi/network.h:
include/sbi/array.h:
include/sbi/context.h:
