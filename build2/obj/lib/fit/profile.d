build/obj/lib/fit/profile.o: lib/fit/profile.c lib/fit/profile.h \
 lib/fit/fit.h lib/fit/minimiser.h lib/fit/bounds.h \
 lib/fit/trust_region.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/fit/objective.h lib/fit/constraint.h \
 include/sbi/model.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/context.h include/sbi/fit.h lib/base/error.h \
 include/sbi/status.h lib/base/log.h lib/base/memory.h
lib/fit/profile.h:
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
lib/base/error.h:
include/sbi/status.h:
lib/base/log.h:
lib/base/memory.h:
