build/obj/lib/grid/webdav_answers.o: lib/grid/webdav_answers.c \
 lib/grid/webdav_answers.h lib/grid/listing.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/error.h include/sbi/status.h \
 lib/base/memory.h include/sbi/context.h lib/grid/xml.h lib/base/text.h
lib/grid/webdav_answers.h:
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
lib/grid/xml.h:
lib/base/text.h:
