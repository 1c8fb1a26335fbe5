build/obj/lib/fit/distribution.o: lib/fit/distribution.c \
 include/sbi/distribution.h include/sbi/model.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h include/sbi/context.h lib/fit/constraint.h \
 include/sbi/model.h
include/sbi/distribution.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
include/sbi/context.h:
lib/fit/constraint.h:
include/sbi/model.h:
