build/obj/lib/io/column_file.o: lib/io/column_file.c lib/io/column_file.h \
 lib/io/npy.h include/sbi/array.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h lib/base/error.h \
 include/sbi/status.h lib/base/log.h include/sbi/context.h \
 lib/base/memory.h lib/base/pool.h
lib/io/column_file.h:
lib/io/npy.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/log.h:
include/sbi/context.h:
lib/base/memory.h:
lib/base/pool.h:
