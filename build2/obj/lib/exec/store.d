build/obj/lib/exec/store.o: lib/exec/store.c lib/exec/store.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h lib/base/attach.h \
 include/sbi/context.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h lib/base/text.h lib/exec/grid_plugin.h
lib/exec/store.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/attach.h:
include/sbi/context.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/text.h:
lib/exec/grid_plugin.h:
