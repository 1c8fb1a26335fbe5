build/obj/lib/base/file.o: lib/base/file.c lib/base/file.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/context.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/context.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
