build/obj/lib/grid/kube_job.o: lib/grid/kube_job.c lib/grid/kube_job.h \
 lib/grid/config.h lib/grid/http.h lib/base/text.h include/sbi/context.h \
 include/sbi/status.h include/sbi/version.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/io/json.h \
 include/sbi/executor.h lib/base/error.h include/sbi/status.h \
 lib/base/sha256.h lib/base/sha256_blocks.h
lib/grid/kube_job.h:
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
include/sbi/executor.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
