build/obj/lib/grid/panda_answers.o: lib/grid/panda_answers.c \
 lib/grid/panda_answers.h lib/io/json.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 include/sbi/executor.h include/sbi/context.h lib/base/base64.h \
 lib/base/error.h include/sbi/status.h lib/base/memory.h \
 include/sbi/job.h include/sbi/store.h include/sbi/executor.h
lib/grid/panda_answers.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/base/base64.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/executor.h:
