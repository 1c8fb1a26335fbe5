build/obj/lib/io/json.o: lib/io/json.c lib/io/json.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/error.h include/sbi/status.h lib/base/file.h lib/base/memory.h
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/memory.h:
