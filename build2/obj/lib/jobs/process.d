build/obj/lib/jobs/process.o: lib/jobs/process.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/io/json.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h lib/jobs/processes.h \
 include/sbi/job.h include/sbi/store.h include/sbi/executor.h \
 include/sbi/context.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
lib/jobs/processes.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
