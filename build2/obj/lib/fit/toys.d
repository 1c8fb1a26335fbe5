build/obj/lib/fit/toys.o: lib/fit/toys.c lib/fit/toys.h \
 lib/fit/statistic.h lib/fit/fit.h lib/fit/minimiser.h lib/fit/bounds.h \
 lib/fit/trust_region.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/fit/objective.h lib/fit/constraint.h \
 include/sbi/model.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/context.h include/sbi/fit.h include/sbi/toy.h \
 include/sbi/model.h lib/base/error.h include/sbi/status.h lib/base/log.h \
 lib/base/memory.h lib/base/options.h lib/base/pool.h \
 lib/base/distributions.h include/sbi/limit.h include/sbi/fit.h \
 include/sbi/toy.h
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
lib/base/error.h:
include/sbi/status.h:
lib/base/log.h:
lib/base/memory.h:
lib/base/options.h:
lib/base/pool.h:
lib/base/distributions.h:
include/sbi/limit.h:
include/sbi/fit.h:
include/sbi/toy.h:
