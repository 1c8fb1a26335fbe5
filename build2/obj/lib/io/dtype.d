build/obj/lib/io/dtype.o: lib/io/dtype.c include/sbi/array.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
