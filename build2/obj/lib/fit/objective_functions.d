build/obj/lib/fit/objective_functions.o: lib/fit/objective_functions.c \
 include/sbi/objective.h include/sbi/fit.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h include/sbi/model.h \
 include/sbi/tape.h include/sbi/array.h lib/base/error.h \
 include/sbi/status.h lib/base/memory.h include/sbi/context.h \
 lib/tape/record.h include/sbi/tape.h lib/tape/kernels/kernels.h \
 lib/base/isa.h
include/sbi/objective.h:
include/sbi/fit.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/array.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
include/sbi/context.h:
lib/tape/record.h:
include/sbi/tape.h:
lib/tape/kernels/kernels.h:
lib/base/isa.h:
