build2/obj/lib/grid/panda_calls.o: lib/grid/panda_calls.c \
 lib/grid/panda_calls.h lib/grid/panda_api.h lib/grid/config.h \
 lib/grid/http.h lib/base/text.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/io/json.h \
 lib/grid/panda_answers.h include/sbi/executor.h lib/grid/panda_auth.h \
 lib/base/error.h include/sbi/status.h
lib/grid/panda_calls.h:
lib/grid/panda_api.h:
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
lib/grid/panda_answers.h:
include/sbi/executor.h:
lib/grid/panda_auth.h:
lib/base/error.h:
include/sbi/status.h:
