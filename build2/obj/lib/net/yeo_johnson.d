build/obj/lib/net/yeo_johnson.o: lib/net/yeo_johnson.c \
 lib/net/yeo_johnson.h lib/net/transform.h lib/io/json.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/context.h
lib/net/yeo_johnson.h:
lib/net/transform.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
