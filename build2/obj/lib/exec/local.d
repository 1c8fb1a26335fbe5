build/obj/lib/exec/local.o: lib/exec/local.c lib/exec/local.h \
 include/sbi/executor.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/error.h include/sbi/status.h \
 lib/base/log.h include/sbi/context.h lib/base/memory.h lib/base/pool.h \
 lib/base/text.h lib/exec/executor.h lib/base/table.h
lib/exec/local.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/log.h:
include/sbi/context.h:
lib/base/memory.h:
lib/base/pool.h:
lib/base/text.h:
lib/exec/executor.h:
lib/base/table.h:
