build/obj/lib/io/protobuf.o: lib/io/protobuf.c lib/io/protobuf.h \
 lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h include/sbi/status.h lib/base/error.h
lib/io/protobuf.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/status.h:
lib/base/error.h:
