build/obj/lib/tape/dispatch.o: lib/tape/dispatch.c \
 lib/tape/kernels/kernels.h lib/base/isa.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h
lib/tape/kernels/kernels.h:
lib/base/isa.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
