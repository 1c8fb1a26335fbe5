build/obj/tests/contract/executor_conformance.o: \
 tests/contract/executor_conformance.c \
 tests/contract/executor_conformance.h include/sbi/executor.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/error.h include/sbi/status.h lib/base/log.h \
 include/sbi/context.h lib/base/text.h
tests/contract/executor_conformance.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/log.h:
include/sbi/context.h:
lib/base/text.h:
