build/obj/lib/jobs/checkpoints.o: lib/jobs/checkpoints.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/file.h \
 include/sbi/context.h include/sbi/status.h lib/base/log.h \
 lib/base/memory.h lib/base/sha256.h lib/base/sha256_blocks.h \
 lib/jobs/attempt.h lib/exec/local.h include/sbi/executor.h \
 include/sbi/context.h lib/jobs/records.h lib/base/text.h \
 include/sbi/job.h include/sbi/store.h include/sbi/executor.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/log.h:
lib/base/memory.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
lib/jobs/attempt.h:
lib/exec/local.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/jobs/records.h:
lib/base/text.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/executor.h:
