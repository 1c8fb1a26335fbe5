build/obj/lib/net/dataset_add.o: lib/net/dataset_add.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h lib/base/options.h \
 lib/io/column.h include/sbi/array.h include/sbi/context.h \
 lib/net/dataset.h lib/base/scratch.h lib/net/transform.h lib/io/json.h \
 lib/base/text.h include/sbi/dataset.h include/sbi/array.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/options.h:
lib/io/column.h:
include/sbi/array.h:
include/sbi/context.h:
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/dataset.h:
include/sbi/array.h:
