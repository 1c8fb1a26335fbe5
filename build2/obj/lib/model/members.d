build/obj/lib/model/members.o: lib/model/members.c lib/model/members.h \
 include/sbi/array.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h include/sbi/context.h lib/base/error.h \
 include/sbi/status.h lib/io/column.h
lib/model/members.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/context.h:
lib/base/error.h:
include/sbi/status.h:
lib/io/column.h:
