build/obj/lib/base/fail.o: lib/base/fail.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
