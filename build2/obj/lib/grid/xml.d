build/obj/lib/grid/xml.o: lib/grid/xml.c lib/grid/xml.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/error.h include/sbi/status.h
lib/grid/xml.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
