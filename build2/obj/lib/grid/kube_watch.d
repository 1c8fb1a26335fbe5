build/obj/lib/grid/kube_watch.o: lib/grid/kube_watch.c \
 lib/grid/kube_watch.h lib/grid/kube_api.h lib/grid/config.h \
 lib/grid/http.h lib/base/text.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/io/json.h \
 lib/grid/kubeconfig.h lib/grid/kube_job.h include/sbi/executor.h \
 lib/base/context.h lib/base/clock.h lib/base/error.h \
 include/sbi/status.h lib/base/memory.h
lib/grid/kube_watch.h:
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
lib/grid/kube_job.h:
include/sbi/executor.h:
lib/base/context.h:
lib/base/clock.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
