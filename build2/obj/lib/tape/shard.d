build/obj/lib/tape/shard.o: lib/tape/shard.c lib/base/options.h \
 include/sbi/status.h include/sbi/version.h lib/base/sha256.h \
 lib/base/sha256_blocks.h lib/tape/shard_bytes.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h include/sbi/shard.h \
 include/sbi/tape.h include/sbi/array.h include/sbi/context.h \
 lib/tape/partial.h lib/base/error.h lib/tape/work.h \
 lib/tape/accelerator.h lib/tape/event_pass.h lib/tape/program.h \
 lib/tape/record.h lib/base/memory.h include/sbi/tape.h \
 lib/tape/kernels/kernels.h lib/base/isa.h lib/tape/source.h \
 lib/tape/scalar.h
lib/base/options.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
lib/tape/shard_bytes.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/shard.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
lib/tape/partial.h:
lib/base/error.h:
lib/tape/work.h:
lib/tape/accelerator.h:
lib/tape/event_pass.h:
lib/tape/program.h:
lib/tape/record.h:
lib/base/memory.h:
include/sbi/tape.h:
lib/tape/kernels/kernels.h:
lib/base/isa.h:
lib/tape/source.h:
lib/tape/scalar.h:
