build/obj/lib/grid/kube_news.o: lib/grid/kube_news.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/log.h \
 include/sbi/context.h include/sbi/status.h lib/base/memory.h \
 lib/grid/kubernetes.h lib/base/table.h lib/grid/kube_api.h \
 lib/grid/config.h lib/grid/http.h lib/base/text.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/io/json.h \
 lib/grid/kubeconfig.h lib/grid/kube_job.h include/sbi/executor.h \
 lib/grid/kube_watch.h include/sbi/job.h include/sbi/store.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/grid/kubernetes.h:
lib/base/table.h:
lib/grid/kube_api.h:
lib/grid/config.h:
lib/grid/http.h:
lib/base/text.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/io/json.h:
lib/grid/kubeconfig.h:
lib/grid/kube_job.h:
include/sbi/executor.h:
lib/grid/kube_watch.h:
include/sbi/job.h:
include/sbi/store.h:
