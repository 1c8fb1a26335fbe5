build/obj/lib/base/plugin.o: lib/base/plugin.c lib/base/plugin.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/file.h lib/base/memory.h
lib/base/plugin.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
lib/base/memory.h:
