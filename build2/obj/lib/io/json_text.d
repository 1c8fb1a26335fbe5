build/obj/lib/io/json_text.o: lib/io/json_text.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h lib/io/json.h lib/base/text.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/io/json.h:
lib/base/text.h:
