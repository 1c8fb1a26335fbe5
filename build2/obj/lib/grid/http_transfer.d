build/obj/lib/grid/http_transfer.o: lib/grid/http_transfer.c \
 lib/base/clock.h lib/base/error.h include/sbi/status.h \
 include/sbi/version.h lib/base/log.h include/sbi/context.h \
 include/sbi/status.h lib/base/memory.h lib/grid/http_internal.h \
 lib/grid/http.h lib/base/text.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/grid/secret.h
lib/base/clock.h:
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/grid/http_internal.h:
lib/grid/http.h:
lib/base/text.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/grid/secret.h:
