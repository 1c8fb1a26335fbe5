build/obj/lib/exec/store_file.o: lib/exec/store_file.c lib/base/adler32.h \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/file.h include/sbi/context.h include/sbi/status.h \
 lib/base/log.h lib/base/memory.h lib/base/sha256.h \
 lib/base/sha256_blocks.h lib/exec/store.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h
lib/base/adler32.h:
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
lib/exec/store.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
