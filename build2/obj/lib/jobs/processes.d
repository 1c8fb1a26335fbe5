build/obj/lib/jobs/processes.o: lib/jobs/processes.c lib/jobs/processes.h \
 lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h include/sbi/job.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/base/error.h \
 include/sbi/status.h lib/base/file.h lib/base/log.h lib/base/memory.h \
 lib/exec/executor.h include/sbi/executor.h lib/base/table.h \
 lib/jobs/attempt.h lib/exec/local.h lib/jobs/records.h
lib/jobs/processes.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/log.h:
lib/base/memory.h:
lib/exec/executor.h:
include/sbi/executor.h:
lib/base/table.h:
lib/jobs/attempt.h:
lib/exec/local.h:
lib/jobs/records.h:
