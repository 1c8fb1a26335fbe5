build/obj/lib/grid/kube_api.o: lib/grid/kube_api.c lib/grid/kube_api.h \
 lib/grid/config.h lib/grid/http.h lib/base/text.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/io/json.h \
 lib/grid/kubeconfig.h lib/base/clock.h lib/base/error.h \
 include/sbi/status.h lib/base/memory.h
lib/grid/kube_api.h:
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
lib/grid/kubeconfig.h:
lib/base/clock.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
