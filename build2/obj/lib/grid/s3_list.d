build/obj/lib/grid/s3_list.o: lib/grid/s3_list.c lib/base/log.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/memory.h lib/grid/listing.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/grid/s3.h \
 lib/grid/credentials.h lib/grid/grid.h lib/grid/http.h lib/base/text.h \
 lib/grid/s3_answers.h
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
lib/grid/listing.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/grid/s3.h:
lib/grid/credentials.h:
lib/grid/grid.h:
lib/grid/http.h:
lib/base/text.h:
lib/grid/s3_answers.h:
