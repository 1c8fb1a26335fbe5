build/obj/lib/grid/panda_oidc.o: lib/grid/panda_oidc.c \
 lib/grid/panda_oidc.h lib/grid/config.h lib/grid/http.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/context.h \
 lib/io/json.h lib/base/error.h include/sbi/status.h lib/base/file.h \
 lib/base/log.h lib/base/memory.h lib/grid/panda_answers.h \
 include/sbi/executor.h lib/grid/secret.h
lib/grid/panda_oidc.h:
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
lib/base/file.h:
lib/base/log.h:
lib/base/memory.h:
lib/grid/panda_answers.h:
include/sbi/executor.h:
lib/grid/secret.h:
