build/obj/lib/jobs/evaluate_columns.o: lib/jobs/evaluate_columns.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/memory.h include/sbi/context.h include/sbi/status.h \
 lib/io/npy.h include/sbi/array.h include/sbi/context.h lib/jobs/job.h \
 lib/io/json.h lib/base/text.h include/sbi/job.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/model.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/ratio.h include/sbi/calibration.h \
 include/sbi/dataset.h include/sbi/network.h include/sbi/toy.h \
 include/sbi/model.h include/sbi/train.h lib/net/dataset.h \
 lib/base/scratch.h lib/net/transform.h include/sbi/dataset.h \
 lib/ratio/ratio.h lib/net/network.h lib/device/device.h \
 include/sbi/network.h lib/ratio/calibration.h include/sbi/calibration.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/io/npy.h:
include/sbi/array.h:
include/sbi/context.h:
lib/jobs/job.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/ratio.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/network.h:
include/sbi/toy.h:
include/sbi/model.h:
include/sbi/train.h:
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
include/sbi/dataset.h:
lib/ratio/ratio.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
lib/ratio/calibration.h:
include/sbi/calibration.h:
