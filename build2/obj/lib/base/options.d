build/obj/lib/base/options.o: lib/base/options.c lib/base/options.h \
 include/sbi/status.h include/sbi/version.h lib/base/error.h
lib/base/options.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
