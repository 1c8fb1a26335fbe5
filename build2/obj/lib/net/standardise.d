build/obj/lib/net/standardise.o: lib/net/standardise.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/log.h \
 include/sbi/context.h include/sbi/status.h lib/base/memory.h \
 lib/net/dataset_pass.h lib/net/dataset.h lib/base/scratch.h \
 lib/net/transform.h lib/io/json.h lib/base/text.h include/sbi/dataset.h \
 include/sbi/array.h include/sbi/context.h include/sbi/train.h \
 include/sbi/dataset.h include/sbi/executor.h include/sbi/network.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/net/dataset_pass.h:
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/train.h:
include/sbi/dataset.h:
include/sbi/executor.h:
include/sbi/network.h:
