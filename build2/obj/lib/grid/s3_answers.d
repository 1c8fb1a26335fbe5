build/obj/lib/grid/s3_answers.o: lib/grid/s3_answers.c \
 lib/grid/s3_answers.h lib/grid/listing.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h include/sbi/context.h lib/grid/s3.h \
 lib/grid/credentials.h lib/grid/grid.h lib/grid/http.h lib/base/text.h \
 lib/grid/xml.h
lib/grid/s3_answers.h:
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
lib/grid/s3.h:
lib/grid/credentials.h:
lib/grid/grid.h:
lib/grid/http.h:
lib/base/text.h:
lib/grid/xml.h:
