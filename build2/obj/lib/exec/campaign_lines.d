build/obj/lib/exec/campaign_lines.o: lib/exec/campaign_lines.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/file.h include/sbi/context.h include/sbi/status.h \
 lib/base/log.h lib/base/memory.h lib/exec/campaign_internal.h \
 lib/base/sha256.h lib/base/sha256_blocks.h lib/base/text.h \
 lib/base/table.h lib/exec/executor.h include/sbi/executor.h \
 include/sbi/context.h lib/exec/journal.h include/sbi/campaign.h \
 include/sbi/executor.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/log.h:
lib/base/memory.h:
lib/exec/campaign_internal.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
lib/base/text.h:
lib/base/table.h:
lib/exec/executor.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/exec/journal.h:
include/sbi/campaign.h:
include/sbi/executor.h:
