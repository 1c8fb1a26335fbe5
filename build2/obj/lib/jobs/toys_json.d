build/obj/lib/jobs/toys_json.o: lib/jobs/toys_json.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/file.h \
 include/sbi/context.h include/sbi/status.h lib/base/memory.h \
 lib/io/npy.h include/sbi/array.h include/sbi/context.h lib/jobs/toys.h \
 lib/fit/toys.h lib/fit/statistic.h lib/fit/fit.h lib/fit/minimiser.h \
 lib/fit/bounds.h lib/fit/trust_region.h lib/fit/objective.h \
 lib/fit/constraint.h include/sbi/model.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/fit.h include/sbi/toy.h \
 include/sbi/model.h lib/jobs/job.h lib/io/json.h lib/base/text.h \
 include/sbi/job.h include/sbi/store.h include/sbi/executor.h \
 include/sbi/ratio.h include/sbi/calibration.h include/sbi/dataset.h \
 include/sbi/network.h include/sbi/train.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/io/npy.h:
include/sbi/array.h:
include/sbi/context.h:
lib/jobs/toys.h:
lib/fit/toys.h:
lib/fit/statistic.h:
lib/fit/fit.h:
lib/fit/minimiser.h:
lib/fit/bounds.h:
lib/fit/trust_region.h:
lib/fit/objective.h:
lib/fit/constraint.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/array.h:
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
