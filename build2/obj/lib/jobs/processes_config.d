build/obj/lib/jobs/processes_config.o: lib/jobs/processes_config.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/file.h include/sbi/context.h include/sbi/status.h \
 lib/base/memory.h lib/base/processors.h lib/io/json.h lib/base/text.h \
 lib/jobs/processes.h include/sbi/job.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/processors.h:
lib/io/json.h:
lib/base/text.h:
lib/jobs/processes.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
