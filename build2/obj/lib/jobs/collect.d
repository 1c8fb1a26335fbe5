build/obj/lib/jobs/collect.o: lib/jobs/collect.c lib/jobs/collect.h \
 lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/io/json.h include/sbi/campaign.h \
 include/sbi/executor.h include/sbi/context.h lib/base/error.h \
 include/sbi/status.h lib/exec/campaign.h lib/exec/local.h \
 include/sbi/executor.h lib/jobs/job.h include/sbi/job.h \
 include/sbi/store.h include/sbi/model.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/ratio.h include/sbi/calibration.h \
 include/sbi/dataset.h include/sbi/network.h include/sbi/toy.h \
 include/sbi/model.h include/sbi/train.h
lib/jobs/collect.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/io/json.h:
include/sbi/campaign.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/base/error.h:
include/sbi/status.h:
lib/exec/campaign.h:
lib/exec/local.h:
include/sbi/executor.h:
lib/jobs/job.h:
include/sbi/job.h:
include/sbi/store.h:
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
