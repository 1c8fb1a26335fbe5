build/obj/lib/jobs/variations_write.o: lib/jobs/variations_write.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/file.h include/sbi/context.h include/sbi/status.h \
 lib/base/memory.h lib/base/options.h lib/io/json.h lib/base/text.h \
 lib/io/npy.h include/sbi/array.h include/sbi/context.h \
 lib/jobs/variations.h include/sbi/variation.h include/sbi/columns.h \
 include/sbi/executor.h include/sbi/ratio.h include/sbi/calibration.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/network.h \
 include/sbi/train.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/options.h:
lib/io/json.h:
lib/base/text.h:
lib/io/npy.h:
include/sbi/array.h:
include/sbi/context.h:
lib/jobs/variations.h:
include/sbi/variation.h:
include/sbi/columns.h:
include/sbi/executor.h:
include/sbi/ratio.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/network.h:
include/sbi/train.h:
