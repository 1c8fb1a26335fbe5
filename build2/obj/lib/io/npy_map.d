build/obj/lib/io/npy_map.o: lib/io/npy_map.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/file.h \
 include/sbi/context.h include/sbi/status.h lib/base/memory.h \
 lib/io/npy.h include/sbi/array.h include/sbi/context.h
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
