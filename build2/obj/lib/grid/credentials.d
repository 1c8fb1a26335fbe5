build/obj/lib/grid/credentials.o: lib/grid/credentials.c \
 lib/grid/credentials.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/error.h include/sbi/status.h \
 lib/base/file.h lib/base/memory.h lib/grid/config.h lib/grid/http.h \
 lib/base/text.h include/sbi/store.h include/sbi/executor.h \
 include/sbi/context.h lib/io/json.h lib/grid/secret.h
lib/grid/credentials.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/memory.h:
lib/grid/config.h:
lib/grid/http.h:
lib/base/text.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/io/json.h:
lib/grid/secret.h:
