build/obj/lib/grid/rucio_request.o: lib/grid/rucio_request.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/log.h include/sbi/context.h include/sbi/status.h \
 lib/base/memory.h lib/grid/rucio.h lib/grid/config.h lib/grid/http.h \
 lib/base/text.h include/sbi/store.h include/sbi/executor.h \
 include/sbi/context.h lib/io/json.h lib/grid/rucio_answers.h \
 lib/grid/listing.h lib/grid/rucio_names.h lib/grid/secret.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/grid/rucio.h:
lib/grid/config.h:
lib/grid/http.h:
lib/base/text.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/io/json.h:
lib/grid/rucio_answers.h:
lib/grid/listing.h:
lib/grid/rucio_names.h:
lib/grid/secret.h:
