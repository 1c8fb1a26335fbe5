build/obj/lib/base/table.o: lib/base/table.c lib/base/table.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/memory.h
lib/base/table.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
