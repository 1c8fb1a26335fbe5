build/obj/lib/tape/kernels/morph_double.avx512.o: \
 lib/tape/kernels/morph_double.isa.c lib/tape/kernels/exp_log.h \
 lib/tape/kernels/vec.h lib/tape/kernels/kernels.h lib/base/isa.h \
 include/sbi/tape.h include/sbi/array.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h lib/tape/kernels/table.h
lib/tape/kernels/exp_log.h:
lib/tape/kernels/vec.h:
lib/tape/kernels/kernels.h:
lib/base/isa.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/tape/kernels/table.h:
