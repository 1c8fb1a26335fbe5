build/obj/lib/net/evaluate_there.o: lib/net/evaluate_there.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/memory.h include/sbi/context.h include/sbi/status.h \
 lib/net/network.h lib/device/device.h lib/io/json.h lib/base/text.h \
 lib/net/transform.h include/sbi/dataset.h include/sbi/array.h \
 include/sbi/context.h include/sbi/network.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/net/network.h:
lib/device/device.h:
lib/io/json.h:
lib/base/text.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/network.h:
