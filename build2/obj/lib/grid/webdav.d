build/obj/lib/grid/webdav.o: lib/grid/webdav.c lib/base/adler32.h \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/log.h include/sbi/context.h include/sbi/status.h \
 lib/base/memory.h lib/grid/config.h lib/grid/http.h lib/base/text.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/context.h \
 lib/io/json.h lib/grid/grid.h lib/grid/secret.h \
 lib/grid/webdav_answers.h lib/grid/listing.h
lib/base/adler32.h:
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/grid/config.h:
lib/grid/http.h:
lib/base/text.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/io/json.h:
lib/grid/grid.h:
lib/grid/secret.h:
lib/grid/webdav_answers.h:
lib/grid/listing.h:
