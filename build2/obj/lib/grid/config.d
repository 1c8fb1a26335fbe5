build/obj/lib/grid/config.o: lib/grid/config.c lib/grid/config.h \
 lib/grid/http.h lib/base/text.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/io/json.h \
 lib/base/error.h include/sbi/status.h
lib/grid/config.h:
lib/grid/http.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/io/json.h:
lib/base/error.h:
include/sbi/status.h:
