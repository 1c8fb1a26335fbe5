build/obj/lib/grid/listing.o: lib/grid/listing.c lib/grid/listing.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h lib/base/error.h \
 include/sbi/status.h lib/base/memory.h include/sbi/context.h
lib/grid/listing.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
include/sbi/context.h:
