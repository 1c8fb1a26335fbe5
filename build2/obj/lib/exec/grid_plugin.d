build/obj/lib/exec/grid_plugin.o: lib/exec/grid_plugin.c \
 lib/exec/grid_plugin.h include/sbi/store.h include/sbi/executor.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/error.h include/sbi/status.h lib/base/plugin.h \
 include/sbi/context.h
lib/exec/grid_plugin.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/plugin.h:
include/sbi/context.h:
