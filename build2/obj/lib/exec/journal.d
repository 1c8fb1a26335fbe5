build/obj/lib/exec/journal.o: lib/exec/journal.c lib/exec/journal.h \
 lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/error.h include/sbi/status.h \
 lib/base/file.h lib/base/log.h lib/base/memory.h lib/base/sha256.h \
 lib/base/sha256_blocks.h
lib/exec/journal.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/log.h:
lib/base/memory.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
