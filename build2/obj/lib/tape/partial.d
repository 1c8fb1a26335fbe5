build/obj/lib/tape/partial.o: lib/tape/partial.c lib/tape/partial.h \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 include/sbi/context.h include/sbi/status.h lib/base/log.h \
 lib/base/memory.h lib/base/pool.h
lib/tape/partial.h:
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/log.h:
lib/base/memory.h:
lib/base/pool.h:
