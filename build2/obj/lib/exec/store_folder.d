build/obj/lib/exec/store_folder.o: lib/exec/store_folder.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/file.h include/sbi/context.h include/sbi/status.h \
 lib/base/log.h lib/base/memory.h lib/base/text.h lib/exec/store.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/context.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/log.h:
lib/base/memory.h:
lib/base/text.h:
lib/exec/store.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
