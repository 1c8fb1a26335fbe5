build/obj/lib/io/npy_header.o: lib/io/npy_header.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/io/npy.h \
 include/sbi/array.h include/sbi/context.h include/sbi/status.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/io/npy.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
