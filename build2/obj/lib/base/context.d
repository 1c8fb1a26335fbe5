build/obj/lib/base/context.o: lib/base/context.c lib/base/context.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/attach.h lib/base/error.h include/sbi/status.h \
 lib/base/options.h lib/base/pool_internal.h lib/base/processors.h
lib/base/context.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/attach.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/options.h:
lib/base/pool_internal.h:
lib/base/processors.h:
