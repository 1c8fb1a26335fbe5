build/obj/lib/net/dataset_transform.o: lib/net/dataset_transform.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/net/dataset.h lib/base/scratch.h include/sbi/context.h \
 include/sbi/status.h lib/net/transform.h lib/io/json.h lib/base/text.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/context.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/net/dataset.h:
lib/base/scratch.h:
include/sbi/context.h:
include/sbi/status.h:
lib/net/transform.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
