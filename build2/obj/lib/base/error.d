build/obj/lib/base/error.o: lib/base/error.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
