build/obj/lib/jobs/hessian_shards.o: lib/jobs/hessian_shards.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/memory.h include/sbi/context.h include/sbi/status.h \
 lib/base/base64.h lib/jobs/hessian.h lib/fit/fit.h lib/fit/minimiser.h \
 lib/fit/bounds.h lib/fit/trust_region.h lib/fit/objective.h \
 lib/fit/constraint.h include/sbi/model.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/context.h include/sbi/fit.h \
 lib/jobs/collect.h lib/base/text.h lib/io/json.h include/sbi/campaign.h \
 include/sbi/executor.h lib/jobs/job.h include/sbi/job.h \
 include/sbi/store.h include/sbi/ratio.h include/sbi/calibration.h \
 include/sbi/dataset.h include/sbi/network.h include/sbi/toy.h \
 include/sbi/model.h include/sbi/train.h include/sbi/shard.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/base64.h:
lib/jobs/hessian.h:
lib/fit/fit.h:
lib/fit/minimiser.h:
lib/fit/bounds.h:
lib/fit/trust_region.h:
lib/fit/objective.h:
lib/fit/constraint.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/fit.h:
lib/jobs/collect.h:
lib/base/text.h:
lib/io/json.h:
include/sbi/campaign.h:
include/sbi/executor.h:
lib/jobs/job.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/ratio.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/network.h:
include/sbi/toy.h:
include/sbi/model.h:
include/sbi/train.h:
include/sbi/shard.h:
