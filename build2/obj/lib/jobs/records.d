build/obj/lib/jobs/records.o: lib/jobs/records.c lib/jobs/records.h \
 lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h include/sbi/job.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/base/error.h \
 include/sbi/status.h lib/io/json.h
lib/jobs/records.h:
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
lib/io/json.h:
