build/obj/lib/jobs/attempt.o: lib/jobs/attempt.c lib/jobs/attempt.h \
 lib/exec/local.h include/sbi/executor.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h lib/jobs/records.h \
 lib/base/text.h include/sbi/context.h include/sbi/job.h \
 include/sbi/store.h include/sbi/executor.h lib/base/error.h \
 include/sbi/status.h lib/base/file.h lib/base/log.h lib/base/memory.h \
 lib/base/options.h lib/base/sha256.h lib/base/sha256_blocks.h \
 lib/exec/executor.h
lib/jobs/attempt.h:
lib/exec/local.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/jobs/records.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/executor.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/log.h:
lib/base/memory.h:
lib/base/options.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
lib/exec/executor.h:
