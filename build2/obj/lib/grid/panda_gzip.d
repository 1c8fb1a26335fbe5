build/obj/lib/grid/panda_gzip.o: lib/grid/panda_gzip.c \
 lib/grid/panda_gzip.h lib/base/text.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h lib/base/error.h \
 include/sbi/status.h lib/base/memory.h
lib/grid/panda_gzip.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
