build/obj/lib/fit/covariance_row.o: lib/fit/covariance_row.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/memory.h include/sbi/context.h include/sbi/status.h \
 lib/fit/truncated_step.h lib/fit/minimiser.h lib/fit/bounds.h \
 lib/fit/trust_region.h lib/fit/objective.h lib/fit/constraint.h \
 include/sbi/model.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/context.h include/sbi/fit.h lib/fit/fit.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/fit/truncated_step.h:
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
lib/fit/fit.h:
