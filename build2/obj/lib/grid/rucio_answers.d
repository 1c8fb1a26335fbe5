build/obj/lib/grid/rucio_answers.o: lib/grid/rucio_answers.c \
 lib/grid/rucio_answers.h lib/grid/listing.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h include/sbi/context.h lib/grid/rucio_names.h \
 lib/io/json.h lib/base/text.h
lib/grid/rucio_answers.h:
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
lib/grid/rucio_names.h:
lib/io/json.h:
lib/base/text.h:
