build/obj/lib/jobs/toys.o: lib/jobs/toys.c lib/jobs/toys.h lib/fit/toys.h \
 lib/fit/statistic.h lib/fit/fit.h lib/fit/minimiser.h lib/fit/bounds.h \
 lib/fit/trust_region.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/fit/objective.h lib/fit/constraint.h \
 include/sbi/model.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/context.h include/sbi/fit.h include/sbi/toy.h \
 include/sbi/model.h lib/jobs/job.h lib/io/json.h lib/base/text.h \
 include/sbi/job.h include/sbi/store.h include/sbi/executor.h \
 include/sbi/ratio.h include/sbi/calibration.h include/sbi/dataset.h \
 include/sbi/network.h include/sbi/train.h lib/base/error.h \
 include/sbi/status.h lib/base/memory.h lib/base/sha256.h \
 lib/base/sha256_blocks.h lib/jobs/collect.h include/sbi/campaign.h \
 lib/model/model.h lib/io/column.h include/sbi/array.h \
 lib/io/column_file.h lib/io/npy.h lib/model/expression.h \
 include/sbi/tape.h
lib/jobs/toys.h:
lib/fit/toys.h:
lib/fit/statistic.h:
lib/fit/fit.h:
lib/fit/minimiser.h:
lib/fit/bounds.h:
lib/fit/trust_region.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/fit/objective.h:
lib/fit/constraint.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/fit.h:
include/sbi/toy.h:
include/sbi/model.h:
lib/jobs/job.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/ratio.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/network.h:
include/sbi/train.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
lib/jobs/collect.h:
include/sbi/campaign.h:
lib/model/model.h:
lib/io/column.h:
include/sbi/array.h:
lib/io/column_file.h:
lib/io/npy.h:
lib/model/expression.h:
include/sbi/tape.h:
