build/obj/lib/io/column.o: lib/io/column.c lib/io/column.h \
 include/sbi/array.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/error.h include/sbi/status.h \
 lib/base/log.h include/sbi/context.h lib/base/pool.h
lib/io/column.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/log.h:
include/sbi/context.h:
lib/base/pool.h:
