build/obj/lib/net/transform_json.o: lib/net/transform_json.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/memory.h include/sbi/context.h include/sbi/status.h \
 lib/net/transform.h lib/io/json.h lib/base/text.h include/sbi/dataset.h \
 include/sbi/array.h include/sbi/context.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/net/transform.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
