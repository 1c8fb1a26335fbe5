build/obj/lib/net/transform.o: lib/net/transform.c lib/net/transform.h \
 lib/io/json.h lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h include/sbi/dataset.h include/sbi/array.h \
 include/sbi/context.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h
lib/net/transform.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
