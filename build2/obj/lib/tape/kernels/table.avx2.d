build/obj/lib/tape/kernels/table.avx2.o: lib/tape/kernels/table.isa.c \
 lib/tape/kernels/table.h lib/tape/kernels/kernels.h lib/base/isa.h \
 include/sbi/tape.h include/sbi/array.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h lib/tape/kernels/vec.h
lib/tape/kernels/table.h:
lib/tape/kernels/kernels.h:
lib/base/isa.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/tape/kernels/vec.h:
