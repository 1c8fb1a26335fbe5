build/obj/lib/net/ensemble.o: lib/net/ensemble.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/file.h \
 include/sbi/context.h include/sbi/status.h lib/base/memory.h \
 lib/base/text.h lib/io/json.h lib/net/network.h lib/device/device.h \
 lib/net/transform.h include/sbi/dataset.h include/sbi/array.h \
 include/sbi/context.h include/sbi/network.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/text.h:
lib/io/json.h:
lib/net/network.h:
lib/device/device.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/network.h:
