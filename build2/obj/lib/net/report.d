build/obj/lib/net/report.o: lib/net/report.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/file.h \
 include/sbi/context.h include/sbi/status.h lib/io/json.h lib/base/text.h \
 lib/net/folds.h lib/net/dataset.h lib/base/scratch.h lib/net/transform.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/context.h \
 lib/net/network.h lib/device/device.h include/sbi/network.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/io/json.h:
lib/base/text.h:
lib/net/folds.h:
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
