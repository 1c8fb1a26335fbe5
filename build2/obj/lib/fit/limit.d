build/obj/lib/fit/limit.o: lib/fit/limit.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/options.h \
 lib/base/distributions.h lib/fit/statistic.h lib/fit/fit.h \
 lib/fit/minimiser.h lib/fit/bounds.h lib/fit/trust_region.h \
 include/sbi/context.h include/sbi/status.h lib/fit/objective.h \
 lib/fit/constraint.h include/sbi/model.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/context.h include/sbi/fit.h \
 include/sbi/limit.h include/sbi/fit.h include/sbi/toy.h \
 include/sbi/model.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/options.h:
lib/base/distributions.h:
lib/fit/statistic.h:
lib/fit/fit.h:
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
include/sbi/limit.h:
include/sbi/fit.h:
include/sbi/toy.h:
include/sbi/model.h:
