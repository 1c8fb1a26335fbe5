build/obj/lib/tape/dot.o: lib/tape/dot.c lib/tape/event_pass.h \
 lib/tape/partial.h lib/base/error.h include/sbi/status.h \
 include/sbi/version.h include/sbi/context.h include/sbi/status.h \
 lib/tape/program.h lib/tape/record.h lib/base/memory.h \
 include/sbi/tape.h include/sbi/array.h include/sbi/context.h \
 lib/tape/kernels/kernels.h lib/base/isa.h lib/tape/source.h
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
