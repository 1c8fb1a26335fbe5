build/obj/lib/grid/kubeconfig.o: lib/grid/kubeconfig.c \
 lib/grid/kubeconfig.h lib/grid/http.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/context.h \
 lib/io/json.h lib/base/base64.h lib/base/error.h include/sbi/status.h \
 lib/base/file.h lib/base/memory.h lib/grid/config.h lib/grid/secret.h \
 lib/grid/yaml.h
lib/grid/kubeconfig.h:
lib/grid/http.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/io/json.h:
lib/base/base64.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/memory.h:
lib/grid/config.h:
lib/grid/secret.h:
lib/grid/yaml.h:
