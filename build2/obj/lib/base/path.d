build/obj/lib/base/path.o: lib/base/path.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/file.h \
 include/sbi/context.h include/sbi/status.h lib/base/memory.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
