build/obj/lib/exec/executor.o: lib/exec/executor.c lib/exec/executor.h \
 lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h include/sbi/executor.h include/sbi/context.h \
 lib/base/attach.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h lib/exec/grid_plugin.h include/sbi/store.h \
 include/sbi/executor.h
lib/exec/executor.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/base/attach.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
lib/exec/grid_plugin.h:
include/sbi/store.h:
include/sbi/executor.h:
