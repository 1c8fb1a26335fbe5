build/obj/lib/io/npz_write.o: lib/io/npz_write.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/file.h \
 include/sbi/context.h include/sbi/status.h lib/base/memory.h \
 lib/io/npy.h include/sbi/array.h include/sbi/context.h lib/io/npz.h \
 lib/io/zip_format.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/io/npy.h:
include/sbi/array.h:
include/sbi/context.h:
lib/io/npz.h:
lib/io/zip_format.h:
