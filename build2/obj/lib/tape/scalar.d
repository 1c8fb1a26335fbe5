build/obj/lib/tape/scalar.o: lib/tape/scalar.c lib/tape/scalar.h \
 lib/tape/program.h lib/tape/record.h lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/context.h lib/tape/kernels/kernels.h \
 lib/base/isa.h lib/tape/function.h lib/tape/work.h \
 lib/tape/accelerator.h lib/tape/event_pass.h lib/tape/partial.h \
 lib/tape/source.h lib/tape/interpolation.h
lib/tape/scalar.h:
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
lib/tape/function.h:
lib/tape/work.h:
lib/tape/accelerator.h:
lib/tape/event_pass.h:
lib/tape/partial.h:
lib/tape/source.h:
lib/tape/interpolation.h:
