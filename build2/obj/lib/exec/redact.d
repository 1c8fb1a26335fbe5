build/obj/lib/exec/redact.o: lib/exec/redact.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/exec/executor.h \
 lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/executor.h include/sbi/context.h lib/io/json.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/exec/executor.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/io/json.h:
