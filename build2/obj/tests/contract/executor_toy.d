build/obj/tests/contract/executor_toy.o: tests/contract/executor_toy.c \
 tests/contract/executor_toy.h lib/exec/local.h include/sbi/executor.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/error.h include/sbi/status.h lib/base/memory.h \
 include/sbi/context.h lib/base/random.h lib/base/text.h \
 lib/exec/executor.h lib/base/table.h
tests/contract/executor_toy.h:
lib/exec/local.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
include/sbi/context.h:
lib/base/random.h:
lib/base/text.h:
lib/exec/executor.h:
lib/base/table.h:
