build/obj/lib/tape/reduction.o: lib/tape/reduction.c lib/tape/program.h \
 lib/tape/record.h lib/base/error.h include/sbi/status.h \
 include/sbi/version.h lib/base/memory.h include/sbi/context.h \
 include/sbi/status.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/context.h lib/tape/kernels/kernels.h lib/base/isa.h
lib/tape/program.h:
lib/tape/record.h:
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
lib/tape/kernels/kernels.h:
lib/base/isa.h:
