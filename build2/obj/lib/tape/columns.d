build/obj/lib/tape/columns.o: lib/tape/columns.c lib/base/pool.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/tape/interpolation.h lib/tape/kernels/kernels.h lib/base/isa.h \
 include/sbi/tape.h include/sbi/array.h include/sbi/context.h \
 lib/tape/record.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h
lib/base/pool.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/tape/interpolation.h:
lib/tape/kernels/kernels.h:
lib/base/isa.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
lib/tape/record.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
