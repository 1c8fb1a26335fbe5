build/obj/lib/tape/source.o: lib/tape/source.c lib/tape/source.h \
 lib/tape/program.h lib/tape/record.h lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/context.h lib/tape/kernels/kernels.h \
 lib/base/isa.h lib/base/log.h lib/base/options.h lib/base/pool.h
lib/tape/source.h:
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
lib/base/log.h:
lib/base/options.h:
lib/base/pool.h:
