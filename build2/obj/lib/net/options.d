build/obj/lib/net/options.o: lib/net/options.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/options.h \
 lib/net/json_values.h lib/io/json.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h lib/net/train.h \
 lib/net/dataset.h lib/base/scratch.h lib/net/transform.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/context.h \
 lib/net/network.h lib/device/device.h include/sbi/network.h \
 include/sbi/train.h include/sbi/dataset.h include/sbi/executor.h \
 include/sbi/network.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/options.h:
lib/net/json_values.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
lib/net/train.h:
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
include/sbi/train.h:
include/sbi/dataset.h:
include/sbi/executor.h:
include/sbi/network.h:
