build/obj/lib/exec/deadlines.o: lib/exec/deadlines.c lib/exec/deadlines.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/memory.h
lib/exec/deadlines.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
