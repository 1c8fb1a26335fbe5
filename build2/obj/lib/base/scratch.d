build/obj/lib/base/scratch.o: lib/base/scratch.c lib/base/scratch.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/context.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h
lib/base/scratch.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/context.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
