build/obj/lib/fit/curvature_probe.o: lib/fit/curvature_probe.c \
 lib/base/blas.h lib/base/error.h include/sbi/status.h \
 include/sbi/version.h lib/base/random.h lib/fit/truncated_step.h \
 lib/fit/minimiser.h lib/fit/bounds.h lib/fit/trust_region.h \
 include/sbi/context.h include/sbi/status.h lib/fit/objective.h \
 lib/fit/constraint.h include/sbi/model.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/context.h include/sbi/fit.h
lib/base/blas.h:
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/random.h:
lib/fit/truncated_step.h:
lib/fit/minimiser.h:
lib/fit/bounds.h:
lib/fit/trust_region.h:
include/sbi/context.h:
include/sbi/status.h:
lib/fit/objective.h:
lib/fit/constraint.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/fit.h:
