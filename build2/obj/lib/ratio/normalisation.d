build/obj/lib/ratio/normalisation.o: lib/ratio/normalisation.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/io/column.h include/sbi/array.h include/sbi/context.h \
 include/sbi/status.h lib/ratio/ratio.h lib/net/network.h \
 lib/device/device.h include/sbi/context.h lib/io/json.h lib/base/text.h \
 lib/net/transform.h include/sbi/dataset.h include/sbi/array.h \
 include/sbi/network.h lib/ratio/calibration.h include/sbi/calibration.h \
 include/sbi/dataset.h include/sbi/network.h include/sbi/ratio.h \
 include/sbi/calibration.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/io/column.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
lib/ratio/ratio.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/context.h:
lib/io/json.h:
lib/base/text.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/network.h:
lib/ratio/calibration.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/network.h:
include/sbi/ratio.h:
include/sbi/calibration.h:
