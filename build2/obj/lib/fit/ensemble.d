build/obj/lib/fit/ensemble.o: lib/fit/ensemble.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/log.h \
 include/sbi/context.h include/sbi/status.h lib/base/memory.h \
 lib/base/options.h lib/fit/ensemble.h lib/model/members.h \
 include/sbi/array.h include/sbi/context.h include/sbi/systematics.h \
 include/sbi/array.h include/sbi/fit.h include/sbi/model.h \
 include/sbi/tape.h lib/fit/selection.h lib/fit/fit.h lib/fit/minimiser.h \
 lib/fit/bounds.h lib/fit/trust_region.h lib/fit/objective.h \
 lib/fit/constraint.h include/sbi/model.h include/sbi/fit.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/options.h:
lib/fit/ensemble.h:
lib/model/members.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/systematics.h:
include/sbi/array.h:
include/sbi/fit.h:
include/sbi/model.h:
include/sbi/tape.h:
lib/fit/selection.h:
lib/fit/fit.h:
lib/fit/minimiser.h:
lib/fit/bounds.h:
lib/fit/trust_region.h:
lib/fit/objective.h:
lib/fit/constraint.h:
include/sbi/model.h:
include/sbi/fit.h:
