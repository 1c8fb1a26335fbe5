build/obj/lib/grid/panda_task.o: lib/grid/panda_task.c \
 lib/grid/panda_task.h lib/grid/config.h lib/grid/http.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/context.h \
 lib/io/json.h lib/base/error.h include/sbi/status.h lib/base/memory.h \
 lib/base/sha256.h lib/base/sha256_blocks.h
lib/grid/panda_task.h:
lib/grid/config.h:
lib/grid/http.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/io/json.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
