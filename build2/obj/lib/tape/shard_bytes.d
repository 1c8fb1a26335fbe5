build/obj/lib/tape/shard_bytes.o: lib/tape/shard_bytes.c \
 lib/tape/shard_bytes.h lib/base/text.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h include/sbi/shard.h \
 include/sbi/tape.h include/sbi/array.h include/sbi/context.h \
 lib/tape/partial.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h lib/base/sha256.h lib/base/sha256_blocks.h \
 lib/tape/kernels/kernels.h lib/base/isa.h include/sbi/tape.h
lib/tape/shard_bytes.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/shard.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
lib/tape/partial.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
lib/tape/kernels/kernels.h:
lib/base/isa.h:
include/sbi/tape.h:
