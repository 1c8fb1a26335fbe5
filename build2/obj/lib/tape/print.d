build/obj/lib/tape/print.o: lib/tape/print.c lib/base/text.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/tape/record.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/context.h lib/tape/kernels/kernels.h lib/base/isa.h
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/tape/record.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
lib/tape/kernels/kernels.h:
lib/base/isa.h:
