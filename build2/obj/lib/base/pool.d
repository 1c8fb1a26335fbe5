build/obj/lib/base/pool.o: lib/base/pool.c lib/base/pool.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/context.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h lib/base/pool_internal.h
lib/base/pool.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/context.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/pool_internal.h:
