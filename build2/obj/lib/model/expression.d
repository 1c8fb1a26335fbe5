build/obj/lib/model/expression.o: lib/model/expression.c \
 lib/model/expression.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/error.h include/sbi/status.h lib/base/memory.h \
 include/sbi/context.h
lib/model/expression.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
include/sbi/context.h:
