build/obj/lib/grid/rucio_names.o: lib/grid/rucio_names.c \
 lib/grid/rucio_names.h lib/grid/listing.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/error.h include/sbi/status.h
lib/grid/rucio_names.h:
lib/grid/listing.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
