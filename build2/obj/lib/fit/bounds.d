build/obj/lib/fit/bounds.o: lib/fit/bounds.c lib/fit/bounds.h \
 lib/fit/trust_region.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h
lib/fit/bounds.h:
lib/fit/trust_region.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
