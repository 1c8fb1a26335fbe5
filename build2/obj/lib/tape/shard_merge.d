build/obj/lib/tape/shard_merge.o: lib/tape/shard_merge.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h lib/tape/shard_bytes.h \
 lib/base/text.h include/sbi/shard.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/context.h lib/tape/partial.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/tape/shard_bytes.h:
lib/base/text.h:
include/sbi/shard.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
lib/tape/partial.h:
