build/obj/lib/base/memory.o: lib/base/memory.c lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/context.h lib/base/error.h include/sbi/status.h
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/context.h:
lib/base/error.h:
include/sbi/status.h:
