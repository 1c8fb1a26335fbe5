build/obj/lib/grid/s3_page.o: lib/grid/s3_page.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h lib/grid/s3_answers.h \
 lib/grid/listing.h include/sbi/store.h include/sbi/executor.h \
 include/sbi/context.h lib/grid/xml.h lib/base/text.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/grid/s3_answers.h:
lib/grid/listing.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/grid/xml.h:
lib/base/text.h:
