build/obj/lib/fit/breakdown.o: lib/fit/breakdown.c lib/base/blas.h \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/memory.h include/sbi/context.h include/sbi/status.h \
 lib/base/options.h lib/fit/selection.h lib/fit/fit.h lib/fit/minimiser.h \
 lib/fit/bounds.h lib/fit/trust_region.h lib/fit/objective.h \
 lib/fit/constraint.h include/sbi/model.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/context.h include/sbi/fit.h \
 include/sbi/systematics.h include/sbi/fit.h include/sbi/model.h
lib/base/blas.h:
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/options.h:
lib/fit/selection.h:
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
include/sbi/systematics.h:
include/sbi/fit.h:
include/sbi/model.h:
