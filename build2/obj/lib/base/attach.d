build/obj/lib/base/attach.o: lib/base/attach.c lib/base/attach.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/context.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h
lib/base/attach.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/context.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
