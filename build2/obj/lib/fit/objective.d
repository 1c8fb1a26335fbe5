build/obj/lib/fit/objective.o: lib/fit/objective.c lib/fit/objective.h \
 lib/fit/constraint.h include/sbi/model.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h include/sbi/fit.h lib/base/error.h \
 include/sbi/status.h lib/base/log.h include/sbi/context.h \
 lib/base/memory.h lib/base/options.h
lib/fit/objective.h:
lib/fit/constraint.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/fit.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/log.h:
include/sbi/context.h:
lib/base/memory.h:
lib/base/options.h:
