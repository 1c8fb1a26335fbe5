build/obj/lib/exec/retry.o: lib/exec/retry.c lib/base/random.h \
 lib/base/sha256.h lib/base/sha256_blocks.h include/sbi/status.h \
 include/sbi/version.h lib/exec/campaign_internal.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h lib/base/table.h \
 lib/exec/executor.h include/sbi/executor.h include/sbi/context.h \
 lib/exec/journal.h include/sbi/campaign.h include/sbi/executor.h
lib/base/random.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
include/sbi/status.h:
include/sbi/version.h:
lib/exec/campaign_internal.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/table.h:
lib/exec/executor.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/exec/journal.h:
include/sbi/campaign.h:
include/sbi/executor.h:
