build/obj/lib/jobs/variations.o: lib/jobs/variations.c \
 lib/jobs/variations.h include/sbi/variation.h include/sbi/columns.h \
 include/sbi/executor.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h include/sbi/ratio.h include/sbi/calibration.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/network.h \
 include/sbi/train.h lib/base/context.h include/sbi/context.h \
 lib/base/error.h include/sbi/status.h lib/base/file.h lib/base/memory.h \
 lib/base/options.h lib/exec/local.h include/sbi/executor.h \
 lib/jobs/collect.h lib/base/text.h lib/io/json.h include/sbi/campaign.h \
 lib/jobs/columns.h lib/jobs/job.h include/sbi/job.h include/sbi/store.h \
 include/sbi/model.h include/sbi/tape.h include/sbi/ratio.h \
 include/sbi/toy.h include/sbi/model.h include/sbi/train.h \
 lib/net/dataset.h lib/base/scratch.h lib/net/transform.h \
 include/sbi/dataset.h include/sbi/columns.h lib/net/network.h \
 lib/device/device.h include/sbi/network.h lib/net/train.h
lib/jobs/variations.h:
include/sbi/variation.h:
include/sbi/columns.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/ratio.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/network.h:
include/sbi/train.h:
lib/base/context.h:
include/sbi/context.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/memory.h:
lib/base/options.h:
lib/exec/local.h:
include/sbi/executor.h:
lib/jobs/collect.h:
lib/base/text.h:
lib/io/json.h:
include/sbi/campaign.h:
lib/jobs/columns.h:
lib/jobs/job.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/ratio.h:
include/sbi/toy.h:
include/sbi/model.h:
include/sbi/train.h:
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/columns.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
lib/net/train.h:
