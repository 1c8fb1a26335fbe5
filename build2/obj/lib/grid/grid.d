build/obj/lib/grid/grid.o: lib/grid/grid.c lib/grid/grid.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h lib/exec/grid_plugin.h
lib/grid/grid.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/exec/grid_plugin.h:
