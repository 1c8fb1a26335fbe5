build/obj/lib/fit/json.o: lib/fit/json.c lib/io/json.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/error.h include/sbi/status.h lib/base/file.h lib/base/memory.h \
 lib/fit/fit.h lib/fit/minimiser.h lib/fit/bounds.h \
 lib/fit/trust_region.h lib/fit/objective.h lib/fit/constraint.h \
 include/sbi/model.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/context.h include/sbi/fit.h
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/memory.h:
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
