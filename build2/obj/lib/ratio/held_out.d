build/obj/lib/ratio/held_out.o: lib/ratio/held_out.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/log.h \
 include/sbi/context.h include/sbi/status.h lib/base/memory.h \
 lib/io/npy.h include/sbi/array.h include/sbi/context.h lib/net/dataset.h \
 lib/base/scratch.h lib/net/transform.h lib/io/json.h lib/base/text.h \
 include/sbi/dataset.h include/sbi/array.h lib/net/folds.h \
 lib/net/network.h lib/device/device.h include/sbi/network.h \
 lib/ratio/held_out.h lib/ratio/ratio.h lib/ratio/calibration.h \
 include/sbi/calibration.h include/sbi/dataset.h include/sbi/network.h \
 include/sbi/ratio.h include/sbi/calibration.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/io/npy.h:
include/sbi/array.h:
include/sbi/context.h:
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/dataset.h:
include/sbi/array.h:
lib/net/folds.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
lib/ratio/held_out.h:
lib/ratio/ratio.h:
lib/ratio/calibration.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/network.h:
include/sbi/ratio.h:
include/sbi/calibration.h:
