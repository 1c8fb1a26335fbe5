build/obj/tests/workers/commit_all.o: tests/workers/commit_all.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/exec/executor.h lib/base/text.h include/sbi/context.h \
 include/sbi/status.h include/sbi/executor.h include/sbi/context.h \
 lib/jobs/attempt.h lib/exec/local.h lib/jobs/records.h include/sbi/job.h \
 include/sbi/store.h include/sbi/executor.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/exec/executor.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/jobs/attempt.h:
lib/exec/local.h:
lib/jobs/records.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/executor.h:
