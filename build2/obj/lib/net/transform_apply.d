build/obj/lib/net/transform_apply.o: lib/net/transform_apply.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/net/transform.h lib/io/json.h lib/base/text.h include/sbi/context.h \
 include/sbi/status.h include/sbi/dataset.h include/sbi/array.h \
 include/sbi/context.h lib/net/yeo_johnson.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/net/transform.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
lib/net/yeo_johnson.h:
