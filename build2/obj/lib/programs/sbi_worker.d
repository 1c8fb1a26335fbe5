build/obj/lib/programs/sbi_worker.o: lib/programs/sbi_worker.c \
 lib/programs/worker/worker.h include/sbi/sbi.h include/sbi/array.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 include/sbi/calibration.h include/sbi/dataset.h include/sbi/network.h \
 include/sbi/campaign.h include/sbi/executor.h include/sbi/columns.h \
 include/sbi/ratio.h include/sbi/distribution.h include/sbi/model.h \
 include/sbi/tape.h include/sbi/fit.h include/sbi/interval.h \
 include/sbi/job.h include/sbi/store.h include/sbi/limit.h \
 include/sbi/toy.h include/sbi/neyman.h include/sbi/objective.h \
 include/sbi/onnx.h include/sbi/search.h include/sbi/train.h \
 include/sbi/shard.h include/sbi/systematics.h include/sbi/variation.h
lib/programs/worker/worker.h:
include/sbi/sbi.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/network.h:
include/sbi/campaign.h:
include/sbi/executor.h:
include/sbi/columns.h:
include/sbi/ratio.h:
include/sbi/distribution.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/fit.h:
include/sbi/interval.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/limit.h:
include/sbi/toy.h:
include/sbi/neyman.h:
include/sbi/objective.h:
include/sbi/onnx.h:
include/sbi/search.h:
include/sbi/train.h:
include/sbi/shard.h:
include/sbi/systematics.h:
include/sbi/variation.h:
