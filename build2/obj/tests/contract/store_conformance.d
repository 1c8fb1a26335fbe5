build/obj/tests/contract/store_conformance.o: \
 tests/contract/store_conformance.c tests/contract/store_conformance.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h tests/support/folder.h
tests/contract/store_conformance.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
tests/support/folder.h:
