build/obj/lib/net/network.o: lib/net/network.c lib/net/network.h \
 lib/device/device.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/io/json.h lib/base/text.h lib/net/transform.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/context.h \
 include/sbi/network.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h lib/base/options.h lib/io/column.h include/sbi/array.h
lib/net/network.h:
lib/device/device.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/io/json.h:
lib/base/text.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/network.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/options.h:
lib/io/column.h:
include/sbi/array.h:
