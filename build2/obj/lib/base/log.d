build/obj/lib/base/log.o: lib/base/log.c lib/base/log.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/context.h lib/base/error.h include/sbi/status.h
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/context.h:
lib/base/error.h:
include/sbi/status.h:
