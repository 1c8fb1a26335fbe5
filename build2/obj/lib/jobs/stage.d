build/obj/lib/jobs/stage.o: lib/jobs/stage.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h lib/exec/executor.h \
 lib/base/text.h include/sbi/executor.h include/sbi/context.h \
 lib/jobs/staged.h lib/jobs/job.h lib/io/json.h include/sbi/job.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/model.h \
 include/sbi/tape.h include/sbi/array.h include/sbi/ratio.h \
 include/sbi/calibration.h include/sbi/dataset.h include/sbi/network.h \
 include/sbi/toy.h include/sbi/model.h include/sbi/train.h \
 lib/jobs/records.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/exec/executor.h:
lib/base/text.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/jobs/staged.h:
lib/jobs/job.h:
lib/io/json.h:
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
lib/jobs/records.h:
