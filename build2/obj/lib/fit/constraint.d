build/obj/lib/fit/constraint.o: lib/fit/constraint.c lib/fit/constraint.h \
 include/sbi/model.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h
lib/fit/constraint.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
