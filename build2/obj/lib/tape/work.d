build/obj/lib/tape/work.o: lib/tape/work.c lib/tape/work.h \
 lib/tape/accelerator.h lib/tape/event_pass.h lib/tape/partial.h \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 include/sbi/context.h include/sbi/status.h lib/tape/program.h \
 lib/tape/record.h lib/base/memory.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/context.h lib/tape/kernels/kernels.h \
 lib/base/isa.h lib/tape/source.h lib/tape/scalar.h lib/base/options.h \
 lib/base/pool.h lib/tape/function.h lib/tape/interpolation.h
lib/tape/work.h:
lib/tape/accelerator.h:
lib/tape/event_pass.h:
lib/tape/partial.h:
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/context.h:
include/sbi/status.h:
lib/tape/program.h:
lib/tape/record.h:
lib/base/memory.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
lib/tape/kernels/kernels.h:
lib/base/isa.h:
lib/tape/source.h:
lib/tape/scalar.h:
lib/base/options.h:
lib/base/pool.h:
lib/tape/function.h:
lib/tape/interpolation.h:
