build/obj/lib/grid/kubeconfig_exec.o: lib/grid/kubeconfig_exec.c \
 lib/base/clock.h lib/base/error.h include/sbi/status.h \
 include/sbi/version.h lib/base/file.h include/sbi/context.h \
 include/sbi/status.h lib/base/memory.h lib/grid/kubeconfig.h \
 lib/grid/http.h lib/base/text.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/io/json.h \
 lib/grid/listing.h lib/grid/secret.h
lib/base/clock.h:
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/grid/kubeconfig.h:
lib/grid/http.h:
lib/base/text.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/io/json.h:
lib/grid/listing.h:
lib/grid/secret.h:
