build/obj/lib/net/score.o: lib/net/score.c lib/net/score.h \
 lib/net/network.h lib/device/device.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h lib/io/json.h lib/base/text.h \
 lib/net/transform.h include/sbi/dataset.h include/sbi/array.h \
 include/sbi/context.h include/sbi/network.h lib/base/error.h \
 include/sbi/status.h
lib/net/score.h:
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
